package nestor.cpu.x86;

import org.jspecify.annotations.Nullable;

/** An x87 instruction; see {@link X87Opcodes}. */
final class X87Op extends Op {
    private static final long FORBIDDEN =
            ControlRegister.CR0_EM.mask() | ControlRegister.CR0_TS.mask();

    /** What an instruction does; a memory operand is at {@code va}. */
    interface Action {
        void run(X86Cpu cpu, long va);
    }

    private final Action action;
    private final @Nullable Address address;
    private final boolean waits;

    /**
     * An instruction.
     *
     * @param waits whether an exception that is pending comes first (1 §8.3.11)
     */
    X87Op(Action action, @Nullable Address address, boolean waits) {
        this.action = action;
        this.address = address;
        this.waits = waits;
    }

    @Override
    void exec(X86Cpu cpu) {
        if ((cpu.cr0 & FORBIDDEN) != 0) {
            throw cpu.raise(Vector.NM);
        }
        if (waits) {
            cpu.x87.checkPending();
        }
        Address operand = address;
        action.run(cpu, operand == null ? 0 : operand.of(cpu));
    }

    @Override
    boolean usesStack() {
        Address operand = address;
        return operand != null && operand.stack;
    }
}
