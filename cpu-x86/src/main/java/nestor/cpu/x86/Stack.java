package nestor.cpu.x86;

import org.jspecify.annotations.Nullable;

/** PUSH, POP, PUSHF, POPF, ENTER and LEAVE. */
final class Stack {
    private static final int RSP = X86Cpu.RSP;
    private static final int RBP = X86Cpu.RBP;
    private static final long WORD = 0xffff_ffffL;
    private static final int SS_BASE = X86Cpu.SEGMENT_BASES + Segment.SS;
    private static final int MAX_LEVEL = 31;

    private Stack() {}

    /** Stores below the stack pointer, and moves it there. */
    static void push(X86Cpu cpu, int bytes, long value) {
        long rsp = offset(cpu, cpu.x[RSP] - bytes);
        cpu.store(linear(cpu, rsp), bytes, value);
        cpu.x[RSP] = rsp;
    }

    /** Loads from the stack pointer, and moves it up; zero-extended. */
    static long pop(X86Cpu cpu, int bytes) {
        long rsp = cpu.x[RSP];
        long value = cpu.load(linear(cpu, rsp), bytes);
        cpu.x[RSP] = offset(cpu, rsp + bytes);
        return value;
    }

    /** A stack address, cut to the width of the mode. */
    static long offset(X86Cpu cpu, long rsp) {
        return cpu.mode64 ? rsp : rsp & WORD;
    }

    static long linear(X86Cpu cpu, long rsp) {
        return cpu.mode64 ? rsp : (rsp & WORD) + cpu.x[SS_BASE];
    }

    /** 50-57. */
    static Op pushRegister(Instruction in) {
        int bytes = in.stackBytes();
        return bytes == 8
                ? new Push64(in.opcodeRegister())
                : new Push(Operand.register(in.opcodeRegister(), bytes, true));
    }

    /** 58-5F. */
    static Op popRegister(Instruction in) {
        int bytes = in.stackBytes();
        return bytes == 8
                ? new Pop64(in.opcodeRegister())
                : new Pop(Operand.register(in.opcodeRegister(), bytes, true));
    }

    /** 68 and 6A. */
    static Op pushImmediate(Instruction in) throws Instruction.Truncated {
        int bytes = in.stackBytes();
        long value = in.opcode == 0x68 ? in.immediate(bytes) : in.signed(1);
        return new Push(new Operand.Immediate(value, bytes));
    }

    /** FF /6. */
    static Op pushOperand(Instruction in) {
        return new Push(in.rmOperand(in.stackBytes()));
    }

    /** 8F /0. */
    static Op popOperand(Instruction in) throws Instruction.Truncated {
        in.modRm();
        return in.extension() == 0 ? new Pop(in.rmOperand(in.stackBytes())) : Undefined.OP;
    }

    /** 9C. */
    static Op pushFlags(Instruction in) {
        return new PushFlags(in.stackBytes());
    }

    /** 9D. */
    static Op popFlags(Instruction in) {
        return new PopFlags(in.stackBytes());
    }

    /** C8. */
    static Op enter(Instruction in) throws Instruction.Truncated {
        int bytes = in.stackBytes();
        int size = (int) in.signed(2) & 0xffff;
        return new Enter(bytes, size, (int) in.signed(1) & MAX_LEVEL);
    }

    /** C9. */
    static Op leave(Instruction in) {
        return new Leave(in.stackBytes());
    }

    /** Any access to the stack. */
    abstract static class OnStack extends Op {
        @Override
        final boolean usesStack() {
            return true;
        }
    }

    private static final class Push64 extends OnStack implements StackRuns.Step {
        private final int r;

        Push64(int r) {
            this.r = r;
        }

        @Override
        void exec(X86Cpu cpu) {
            long rsp = cpu.x[RSP] - 8;
            cpu.store64(rsp, cpu.x[r]);
            cpu.x[RSP] = rsp;
        }

        @Override
        public int step() {
            return StackRuns.push(r);
        }

        @Override
        @Nullable Op fusedWith(Op next) {
            return StackRuns.begin(this, next);
        }
    }

    static final class Pop64 extends OnStack {
        final int r;

        Pop64(int r) {
            this.r = r;
        }

        @Override
        void exec(X86Cpu cpu) {
            long rsp = cpu.x[RSP];
            long value = cpu.load64(rsp);
            cpu.x[RSP] = rsp + 8;
            cpu.x[r] = value;
        }

        @Override
        @Nullable Op fusedWith(Op next) {
            return StackRuns.end(r, next);
        }
    }

    private static final class Push extends OnStack {
        private final Operand operand;

        Push(Operand operand) {
            this.operand = operand;
        }

        @Override
        void exec(X86Cpu cpu) {
            push(cpu, operand.bytes, operand.read(cpu));
        }
    }

    /** The address of a memory operand is computed with the stack pointer moved already. */
    private static final class Pop extends OnStack {
        private final Operand operand;

        Pop(Operand operand) {
            this.operand = operand;
        }

        @Override
        void exec(X86Cpu cpu) {
            long before = cpu.x[RSP];
            long value = pop(cpu, operand.bytes);
            try {
                operand.write(cpu, value);
            } catch (X86Exception e) {
                cpu.x[RSP] = before;
                throw e;
            }
        }
    }

    private static final class PushFlags extends OnStack {
        private final int bytes;

        PushFlags(int bytes) {
            this.bytes = bytes;
        }

        @Override
        void exec(X86Cpu cpu) {
            push(cpu, bytes, Flags.image(cpu) & ~(Flags.RF | Flags.VM));
        }
    }

    private static final class PopFlags extends Op.Last {
        private final int bytes;

        PopFlags(int bytes) {
            this.bytes = bytes;
        }

        @Override
        void exec(X86Cpu cpu) {
            long image = pop(cpu, bytes);
            cpu.setFlags((int) image, bytes);
        }

        @Override
        boolean usesStack() {
            return true;
        }
    }

    private static final class Enter extends OnStack {
        private final int bytes;
        private final int size;
        private final int level;

        Enter(int bytes, int size, int level) {
            this.bytes = bytes;
            this.size = size;
            this.level = level;
        }

        @Override
        void exec(X86Cpu cpu) {
            long rsp = offset(cpu, cpu.x[RSP] - bytes);
            long rbp = cpu.x[RBP];
            cpu.store(linear(cpu, rsp), bytes, rbp);
            long frame = rsp;
            for (int i = 1; i < level; i++) {
                rbp = offset(cpu, rbp - bytes);
                rsp = offset(cpu, rsp - bytes);
                cpu.store(linear(cpu, rsp), bytes, cpu.load(linear(cpu, rbp), bytes));
            }
            if (level > 0) {
                rsp = offset(cpu, rsp - bytes);
                cpu.store(linear(cpu, rsp), bytes, frame);
            }
            rsp = offset(cpu, rsp - size);
            cpu.loadForUpdate(linear(cpu, rsp), 1); // faults if the new stack cannot be written
            cpu.x[RBP] = bytes == 2 ? cpu.x[RBP] & ~0xffffL | frame & 0xffff : frame;
            cpu.x[RSP] = rsp;
        }
    }

    private static final class Leave extends OnStack {
        private final int bytes;

        Leave(int bytes) {
            this.bytes = bytes;
        }

        @Override
        void exec(X86Cpu cpu) {
            long frame = offset(cpu, cpu.x[RBP]);
            long value = cpu.load(linear(cpu, frame), bytes);
            cpu.x[RSP] = offset(cpu, frame + bytes);
            cpu.x[RBP] = bytes == 2 ? cpu.x[RBP] & ~0xffffL | value : value;
        }
    }
}
