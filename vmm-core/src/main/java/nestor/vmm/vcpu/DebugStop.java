package nestor.vmm.vcpu;

/** Why a vCPU stopped for its {@link DebugPort}. */
public sealed interface DebugStop {
    /** It is about to execute the instruction at {@code va}. */
    record Breakpoint(long va) implements DebugStop {}

    /**
     * An access to what a trap watches: A64 is stopped before the instruction, x86 behind it, as
     * their own debug exceptions are and debuggers expect.
     *
     * @param kind the trap's
     * @param va the trap's
     */
    record Watchpoint(DebugPort.TrapKind kind, long va) implements DebugStop {}

    /** {@link DebugPort#step} is done. */
    record Step() implements DebugStop {}
}
