package nestor.cpu.x86;

/** Arithmetic, comparisons and exchanges on the x87 register stack (1 §8.3). */
final class X87Arithmetic {
    private static final int ADD = 0;
    private static final int MUL = 1;
    private static final int COM = 2;
    private static final int COMP = 3;
    private static final int SUB = 4;
    private static final int SUBR = 5;
    private static final int DIV = 6;

    private X87Arithmetic() {}

    /** What {@code number}, the ModRM extension, does to ST(0) and {@link SoftFloat#b}. */
    static void withOperand(X86Cpu cpu, int number) {
        SoftFloat soft = cpu.soft;
        X87Registers.get(cpu, 0, soft.a);
        if (number == COM || number == COMP) {
            compared(cpu, false, number == COMP ? 1 : 0);
            return;
        }
        compute(cpu, number, false);
        if (X87Registers.commit(cpu)) {
            X87Registers.set(cpu, 0, soft.result);
        }
    }

    private static void compute(X86Cpu cpu, int number, boolean swapped) {
        SoftFloat soft = cpu.soft;
        SoftFloat.Format format = X87Registers.format(cpu);
        boolean reversed = number == SUBR || number == DIV + 1;
        if (reversed != swapped) {
            FloatNumber first = soft.result;
            first.set(soft.a);
            soft.a.set(soft.b);
            soft.b.set(first);
        }
        switch (number) {
            case ADD -> soft.add(format);
            case MUL -> soft.multiply(format);
            case SUB, SUBR -> soft.subtract(format);
            default -> soft.divide(format);
        }
    }

    /** D8 with a register: ST(0) and ST(i). */
    static void ofStack(X86Cpu cpu, int number, int i) {
        SoftFloat soft = X87Registers.begin(cpu);
        X87Registers.get(cpu, i, soft.b);
        withOperand(cpu, number);
    }

    /** DC and DE with a register: ST(i) and ST(0); here the even ones of 4-7 are the reversed. */
    static void intoStack(X86Cpu cpu, int number, int i, boolean pops) {
        SoftFloat soft = X87Registers.begin(cpu);
        X87Registers.get(cpu, i, soft.a);
        X87Registers.get(cpu, 0, soft.b);
        compute(cpu, number >= SUB ? number ^ 1 : number, false);
        if (X87Registers.commit(cpu)) {
            X87Registers.set(cpu, i, soft.result);
            if (pops) {
                X87Registers.pop(cpu);
            }
        }
    }

    /** FCOM, FUCOM and so on, with ST(i). */
    static void compare(X86Cpu cpu, int i, boolean quiet, int pops) {
        SoftFloat soft = X87Registers.begin(cpu);
        X87Registers.get(cpu, 0, soft.a);
        X87Registers.get(cpu, i, soft.b);
        compared(cpu, quiet, pops);
    }

    private static void compared(X86Cpu cpu, boolean quiet, int pops) {
        int order = cpu.soft.compare(quiet);
        boolean masked = X87Registers.commit(cpu);
        X87Registers.conditions(cpu, order);
        for (int n = 0; masked && n < pops; n++) {
            X87Registers.pop(cpu);
        }
    }

    /** FTST. */
    static void compareWithZero(X86Cpu cpu) {
        SoftFloat soft = X87Registers.begin(cpu);
        X87Registers.get(cpu, 0, soft.a);
        soft.b.fromInteger(0);
        compared(cpu, false, 0);
    }

    /** FCOMI, FUCOMI and so on. */
    static void compareToFlags(X86Cpu cpu, int i, boolean quiet, boolean pops) {
        SoftFloat soft = X87Registers.begin(cpu);
        X87Registers.get(cpu, 0, soft.a);
        X87Registers.get(cpu, i, soft.b);
        int order = soft.compare(quiet);
        boolean masked = X87Registers.commit(cpu);
        Flags.set(cpu, SseArithmetic.flags(order));
        if (masked && pops) {
            X87Registers.pop(cpu);
        }
    }

    /** FXCH. */
    static void exchange(X86Cpu cpu, int i) {
        X87Registers.begin(cpu);
        fillEmpty(cpu, 0);
        fillEmpty(cpu, i);
        if (!X87Registers.commit(cpu)) {
            return;
        }
        int signExponent = X87Registers.signExponent(cpu, 0);
        long significand = X87Registers.significand(cpu, 0);
        X87Registers.setRaw(
                cpu, 0, X87Registers.signExponent(cpu, i), X87Registers.significand(cpu, i));
        X87Registers.setRaw(cpu, i, signExponent, significand);
    }

    private static void fillEmpty(X86Cpu cpu, int i) {
        if (X87Registers.isEmpty(cpu, i)) {
            X87Registers.get(cpu, i, cpu.soft.a);
            if ((cpu.x87.control & SoftFloat.INVALID) != 0) {
                X87Registers.set(cpu, i, cpu.soft.a);
            }
        }
    }

    /** FCHS and FABS. */
    static void changeSign(X86Cpu cpu, boolean absolute) {
        X87Registers.begin(cpu);
        fillEmpty(cpu, 0);
        if (X87Registers.commit(cpu)) {
            int before = X87Registers.signExponent(cpu, 0);
            X87Registers.setRaw(
                    cpu,
                    0,
                    absolute ? before & 0x7fff : before ^ 0x8000,
                    X87Registers.significand(cpu, 0));
        }
    }

    /** FSQRT. */
    static void squareRoot(X86Cpu cpu) {
        SoftFloat soft = X87Registers.begin(cpu);
        X87Registers.get(cpu, 0, soft.a);
        soft.squareRoot(X87Registers.format(cpu));
        if (X87Registers.commit(cpu)) {
            X87Registers.set(cpu, 0, soft.result);
        }
    }

    /** FXAM. */
    static void examine(X86Cpu cpu) {
        FloatNumber number = X87Registers.begin(cpu).a;
        number.fromExtended(X87Registers.signExponent(cpu, 0), X87Registers.significand(cpu, 0));
        int kind =
                X87Registers.isEmpty(cpu, 0)
                        ? X87Registers.C3 | X87Registers.C0
                        : switch (number.kind) {
                            case FloatNumber.ZERO -> X87Registers.C3;
                            case FloatNumber.FINITE ->
                                    X87Registers.C2 | (number.denormal ? X87Registers.C3 : 0);
                            case FloatNumber.INFINITY -> X87Registers.C2 | X87Registers.C0;
                            case FloatNumber.UNSUPPORTED -> 0;
                            default -> X87Registers.C0;
                        };
        int sign = (X87Registers.signExponent(cpu, 0) & 0x8000) != 0 ? X87Registers.C1 : 0;
        cpu.x87.status = cpu.x87.status & ~X87Registers.CONDITIONS | kind | sign;
    }

    /** FCMOVcc. */
    static void move(X86Cpu cpu, int i, boolean holds) {
        X87Registers.begin(cpu);
        if (holds) {
            fillEmpty(cpu, i);
            if (X87Registers.commit(cpu)) {
                X87Registers.setRaw(
                        cpu,
                        0,
                        X87Registers.signExponent(cpu, i),
                        X87Registers.significand(cpu, i));
            }
        }
    }
}
