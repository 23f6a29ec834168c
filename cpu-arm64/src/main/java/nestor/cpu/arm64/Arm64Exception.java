package nestor.cpu.arm64;

/**
 * A synchronous exception on its way from an op to the block loop, which takes it to EL1 (DDI 0487
 * §D1.3). Stackless, one instance per CPU: the fields are filled in before it is thrown.
 */
final class Arm64Exception extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** ESR_EL1 as it will read, §D17.2.37. */
    long syndrome;

    /** FAR_EL1, if {@link #hasFaultAddress}. */
    long faultAddress;

    boolean hasFaultAddress;

    Arm64Exception() {
        super(null, null, false, false);
    }
}
