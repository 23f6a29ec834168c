package nestor.cpu.x86;

/** INC, DEC, NOT and NEG. */
final class IncrementAndNegate {
    private IncrementAndNegate() {}

    /** FE /0, /1 and FF /0, /1. */
    static Op incrementOrDecrement(Instruction in, int bytes) {
        int step = in.extension() == 0 ? 1 : -1;
        if (in.takeLock()) {
            return new Locked(in.memory(), bytes, step);
        }
        return in.isRegister() && bytes >= 4
                ? new StepRegister(in.rm(), bytes, step)
                : new Step(in.rmOperand(bytes), step);
    }

    /** F6 and F7, /2 and /3. */
    static Op notOrNegate(Instruction in, int bytes) {
        boolean negate = in.extension() == 3;
        if (in.takeLock()) {
            return new LockedComplement(in.memory(), bytes, negate);
        }
        return new Complement(in.rmOperand(bytes), negate);
    }

    /** 40-4F, outside 64-bit mode. */
    static Op register(Instruction in) {
        int step = (in.opcode & 8) == 0 ? 1 : -1;
        return new Step(Operand.register(in.opcode & 7, in.operandBytes, false), step);
    }

    /** All but CF, which stays. */
    private static void flags(X86Cpu cpu, long a, long r, int step, int bytes) {
        long extreme = Long.MIN_VALUE >> (64 - 8 * bytes);
        int overflow = (step > 0 ? r : a) == extreme ? 1 : 0;
        int auxiliary = (int) ((a ^ r) >>> 4) & 1;
        Flags.of(cpu, r, Flags.carry(cpu), overflow, auxiliary);
    }

    private static final class StepRegister extends Op {
        private final int r;
        private final int bytes;
        private final int step;

        StepRegister(int r, int bytes, int step) {
            this.r = r;
            this.bytes = bytes;
            this.step = step;
        }

        @Override
        void exec(X86Cpu cpu) {
            long a = Operand.signed(cpu.x[r], bytes);
            long result = Operand.signed(a + step, bytes);
            cpu.x[r] = result & Operand.mask(bytes);
            flags(cpu, a, result, step, bytes);
        }
    }

    private static final class Step extends Op {
        private final Operand operand;
        private final int step;

        Step(Operand operand, int step) {
            this.operand = operand;
            this.step = step;
        }

        @Override
        void exec(X86Cpu cpu) {
            long a = operand.readForUpdate(cpu);
            long r = Operand.signed(a + step, operand.bytes);
            operand.write(cpu, r);
            flags(cpu, a, r, step, operand.bytes);
        }

        @Override
        boolean usesStack() {
            return operand.isStack();
        }
    }

    private static final class Locked extends Op {
        private final Address address;
        private final int bytes;
        private final int step;

        Locked(Address address, int bytes, int step) {
            this.address = address;
            this.bytes = bytes;
            this.step = step;
        }

        @Override
        void exec(X86Cpu cpu) {
            long va = address.of(cpu);
            long seen = cpu.loadForUpdate(va, bytes);
            long expected;
            do {
                expected = seen;
                seen = cpu.compareAndExchange(va, bytes, expected, expected + step);
            } while (seen != expected);
            long a = Operand.signed(expected, bytes);
            flags(cpu, a, Operand.signed(a + step, bytes), step, bytes);
        }

        @Override
        boolean usesStack() {
            return address.stack;
        }
    }

    private static final class Complement extends Op {
        private final Operand operand;
        private final boolean negate;

        Complement(Operand operand, boolean negate) {
            this.operand = operand;
            this.negate = negate;
        }

        @Override
        void exec(X86Cpu cpu) {
            long a = operand.readForUpdate(cpu);
            long r = Operand.signed(negate ? -a : ~a, operand.bytes);
            operand.write(cpu, r);
            if (negate) {
                Flags.ofSubtract(cpu, 0, a, r);
            }
        }

        @Override
        boolean usesStack() {
            return operand.isStack();
        }
    }

    private static final class LockedComplement extends Op {
        private final Address address;
        private final int bytes;
        private final boolean negate;

        LockedComplement(Address address, int bytes, boolean negate) {
            this.address = address;
            this.bytes = bytes;
            this.negate = negate;
        }

        @Override
        void exec(X86Cpu cpu) {
            long va = address.of(cpu);
            long seen = cpu.loadForUpdate(va, bytes);
            long expected;
            long r;
            do {
                expected = seen;
                r = negate ? -expected : ~expected;
                seen = cpu.compareAndExchange(va, bytes, expected, r);
            } while (seen != expected);
            if (negate) {
                Flags.ofSubtract(
                        cpu, 0, Operand.signed(expected, bytes), Operand.signed(r, bytes));
            }
        }

        @Override
        boolean usesStack() {
            return address.stack;
        }
    }
}
