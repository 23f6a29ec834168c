package nestor.cpu.x86;

/**
 * x87, MMX and SSE: not implemented, and not announced by CPUID. Every such instruction is #UD, or
 * #NM before that where CR0 says so (3A §2.5).
 */
final class Floating {
    private Floating() {}

    /** 9B: WAIT. */
    static Op waiting() {
        return new Wait();
    }

    /** D8-DF. */
    static Op escape(Instruction in) throws Instruction.Truncated {
        in.modRm();
        return new Absent();
    }

    /** 0F with a second byte of MMX or SSE. */
    static Op twoByte(Instruction in) throws Instruction.Truncated {
        return SseOpcodes.decode(in);
    }

    /** 0F AE with a memory operand. */
    static Op group15(Instruction in) {
        if (in.operandPrefix || in.repeat != Instruction.NO_REPEAT) {
            return Undefined.OP;
        }
        return switch (in.extension()) {
            case 0, 1 -> FxState.of(in);
            case 2, 3 -> FxState.controlAndStatus(in);
            default -> Undefined.OP;
        };
    }

    private static final class Wait extends Op {
        private static final long MASK =
                ControlRegister.CR0_MP.mask() | ControlRegister.CR0_TS.mask();

        @Override
        void exec(X86Cpu cpu) {
            if ((cpu.cr0 & MASK) == MASK) {
                throw cpu.raise(Vector.NM);
            }
        }
    }

    private static final class Absent extends Op {
        private static final long MASK =
                ControlRegister.CR0_EM.mask() | ControlRegister.CR0_TS.mask();

        @Override
        void exec(X86Cpu cpu) {
            throw cpu.raise((cpu.cr0 & MASK) != 0 ? Vector.NM : Vector.UD);
        }
    }
}
