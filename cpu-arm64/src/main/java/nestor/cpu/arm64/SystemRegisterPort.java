package nestor.cpu.arm64;

/**
 * System registers that live outside the core: the GIC CPU interface, ICC_* (IHI 0069, §12.2).
 * Called on the vCPU's thread.
 *
 * <p>An encoding is {@code op0 << 14 | op1 << 11 | CRn << 7 | CRm << 3 | op2}.
 */
public interface SystemRegisterPort {
    /** Whether the register exists; an access to one that does not is UNDEFINED. */
    boolean implemented(int encoding);

    /** MRS. */
    long read(int encoding);

    /** MSR (register). */
    void write(int encoding, long value);
}
