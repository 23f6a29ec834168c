package nestor.cpu.x86;

/** SETcc and CMOVcc. */
final class Conditional {
    private Conditional() {}

    /** 0F 90-9F. */
    static Op set(Instruction in) throws Instruction.Truncated {
        in.modRm();
        Operand destination = in.rmOperand(1);
        int d = destination.lowRegister();
        return d >= 0 ? new SetRegister(in.opcode & 0xf, d) : new Set(in.opcode & 0xf, destination);
    }

    /** 0F 40-4F. */
    static Op move(Instruction in) throws Instruction.Truncated {
        in.modRm();
        int bytes = in.operandBytes;
        if (in.isRegister() && bytes >= 4) {
            return new MoveRegister(in.opcode & 0xf, in.reg(), in.rm(), Operand.mask(bytes));
        }
        return new Move(in.opcode & 0xf, in.regOperand(bytes), in.rmOperand(bytes));
    }

    private static final class Set extends Op {
        private final int condition;
        private final Operand destination;

        Set(int condition, Operand destination) {
            this.condition = condition;
            this.destination = destination;
        }

        @Override
        void exec(X86Cpu cpu) {
            destination.write(cpu, Flags.holds(cpu, condition) ? 1 : 0);
        }

        @Override
        boolean usesStack() {
            return destination.isStack();
        }
    }

    /** Reads its source, and cuts a 32-bit destination, whether or not the condition holds. */
    private static final class Move extends Op {
        private final int condition;
        private final Operand destination;
        private final Operand source;

        Move(int condition, Operand destination, Operand source) {
            this.condition = condition;
            this.destination = destination;
            this.source = source;
        }

        @Override
        void exec(X86Cpu cpu) {
            long value = source.read(cpu);
            destination.write(cpu, Flags.holds(cpu, condition) ? value : destination.read(cpu));
        }

        @Override
        boolean usesStack() {
            return source.isStack();
        }
    }

    private static final class SetRegister extends Op {
        private final int condition;
        private final int d;

        SetRegister(int condition, int d) {
            this.condition = condition;
            this.d = d;
        }

        @Override
        void exec(X86Cpu cpu) {
            cpu.x[d] = cpu.x[d] & ~0xffL | (Flags.holds(cpu, condition) ? 1 : 0);
        }
    }

    private static final class MoveRegister extends Op {
        private final int condition;
        private final int d;
        private final int n;
        private final long mask;

        MoveRegister(int condition, int d, int n, long mask) {
            this.condition = condition;
            this.d = d;
            this.n = n;
            this.mask = mask;
        }

        @Override
        void exec(X86Cpu cpu) {
            cpu.x[d] = cpu.x[Flags.holds(cpu, condition) ? n : d] & mask;
        }
    }
}
