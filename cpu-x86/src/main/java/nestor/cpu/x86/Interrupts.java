package nestor.cpu.x86;

/** INT3, INT n, INTO and INT1. */
final class Interrupts {
    private Interrupts() {}

    /** CC, CD, CE and F1. */
    static Op of(Instruction in) throws Instruction.Truncated {
        return switch (in.opcode) {
            case 0xcc -> new Software(Vector.BP);
            case 0xcd -> new Software((int) in.signed(1) & 0xff);
            case 0xf1 -> new Software(Vector.DB);
            default -> in.mode64 ? Undefined.OP : new OnOverflow();
        };
    }

    private static final class Software extends Op.Last {
        private final int vector;

        Software(int vector) {
            this.vector = vector;
        }

        @Override
        void exec(X86Cpu cpu) {
            X86Exception e = cpu.softwareInterrupt(vector);
            e.software = vector != Vector.DB;
            throw e;
        }
    }

    private static final class OnOverflow extends Op.Last {
        @Override
        void exec(X86Cpu cpu) {
            if (Flags.overflow(cpu) != 0) {
                throw cpu.softwareInterrupt(Vector.OF);
            }
        }
    }
}
