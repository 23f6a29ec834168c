package nestor.cpu.x86;

/** The x87 register stack as operands of {@link SoftFloat} (1 §8.1.2). */
final class X87Registers {
    private static final int STACK_FAULT = 1 << 6;
    static final int C0 = 1 << 8;
    static final int C1 = 1 << 9;
    static final int C2 = 1 << 10;
    static final int C3 = 1 << 14;
    static final int CONDITIONS = C0 | C1 | C2 | C3;
    private static final int BEFORE =
            SoftFloat.INVALID | SoftFloat.DENORMAL | SoftFloat.ZERO_DIVIDE;
    private static final int EXPONENT_MAX = 0x7fff;
    private static final int EXPONENT_BIAS = 0x3fff;
    private static final int ROUNDING_SHIFT = 10;
    private static final int UNDERFLOW_MASK = 1 << 4;

    private static final SoftFloat.Format SINGLE = new SoftFloat.Format(24, -16382, 16383);
    private static final SoftFloat.Format DOUBLE = new SoftFloat.Format(53, -16382, 16383);

    private X87Registers() {}

    /** Begins an instruction. */
    static SoftFloat begin(X86Cpu cpu) {
        SoftFloat soft = cpu.soft;
        soft.flags = 0;
        soft.roundedUp = false;
        soft.rounding = cpu.x87.control >> ROUNDING_SHIFT & 3;
        soft.flush = false;
        soft.underflowUnmasked = (cpu.x87.control & UNDERFLOW_MASK) == 0;
        soft.greaterNan = true;
        cpu.x87.status &= ~C1;
        return soft;
    }

    /** What the control word's PC says arithmetic is rounded to. */
    static SoftFloat.Format format(X86Cpu cpu) {
        return switch (cpu.x87.control >> 8 & 3) {
            case 0 -> SINGLE;
            case 2 -> DOUBLE;
            default -> SoftFloat.Format.EXTENDED;
        };
    }

    private static int physical(X86Cpu cpu, int i) {
        return cpu.x87.top + i & 7;
    }

    /** Reads ST(i); an empty one is a stack fault, and the indefinite. */
    static void get(X86Cpu cpu, int i, FloatNumber into) {
        int register = physical(cpu, i);
        if ((cpu.x87.empty >>> register & 1) != 0) {
            cpu.soft.flags |= SoftFloat.INVALID;
            cpu.x87.status |= STACK_FAULT;
            into.indefinite();
            return;
        }
        into.fromExtended(cpu.x87.signExponent[register], cpu.vector[XmmOperand.MM + register]);
    }

    static boolean isEmpty(X86Cpu cpu, int i) {
        return (cpu.x87.empty >>> physical(cpu, i) & 1) != 0;
    }

    /** Writes ST(i), which becomes valid. */
    static void set(X86Cpu cpu, int i, FloatNumber value) {
        int biased;
        long bits = value.significand;
        switch (value.kind) {
            case FloatNumber.ZERO -> {
                biased = 0;
                bits = 0;
            }
            case FloatNumber.FINITE -> {
                biased = value.exponent + EXPONENT_BIAS;
                if (biased <= 0) {
                    bits >>>= 1 - biased;
                    biased = 0;
                }
            }
            case FloatNumber.INFINITY -> {
                biased = EXPONENT_MAX;
                bits = FloatNumber.INTEGER_BIT;
            }
            default -> biased = EXPONENT_MAX;
        }
        setRaw(cpu, i, biased | (value.negative ? 0x8000 : 0), bits);
    }

    static void setRaw(X86Cpu cpu, int i, int signExponent, long significand) {
        int register = physical(cpu, i);
        cpu.x87.signExponent[register] = signExponent;
        cpu.vector[XmmOperand.MM + register] = significand;
        cpu.x87.empty &= ~(1 << register);
    }

    static int signExponent(X86Cpu cpu, int i) {
        return cpu.x87.signExponent[physical(cpu, i)];
    }

    static long significand(X86Cpu cpu, int i) {
        return cpu.vector[XmmOperand.MM + physical(cpu, i)];
    }

    /** Notes the exceptions; whether the destination is to be changed. */
    static boolean commit(X86Cpu cpu) {
        int raised = cpu.soft.flags;
        int unmasked = raised & ~cpu.x87.control & BEFORE;
        cpu.x87.status |= unmasked != 0 ? raised & BEFORE : raised;
        boolean up = unmasked == 0 && (raised & SoftFloat.PRECISION) != 0 && cpu.soft.roundedUp;
        cpu.x87.status |= up ? C1 : 0;
        return unmasked == 0;
    }

    /**
     * Makes room for a value; if there is none that is a stack fault.
     *
     * @return whether the new ST(0) is to be set, to the indefinite if {@link SoftFloat#flags} have
     *     {@link SoftFloat#INVALID}
     */
    static boolean push(X86Cpu cpu) {
        boolean full = !isEmpty(cpu, -1);
        if (full) {
            cpu.soft.flags |= SoftFloat.INVALID;
            cpu.x87.status |= STACK_FAULT | C1;
            cpu.soft.result.indefinite();
        }
        if (!commit(cpu)) {
            return false;
        }
        cpu.x87.top = cpu.x87.top - 1 & 7;
        return true;
    }

    /**
     * Sets ST(0) to {@code first} and pushes {@code second}; to the indefinite, both, if there is
     * no room.
     */
    static void setAndPush(X86Cpu cpu, FloatNumber first, FloatNumber second) {
        boolean full = !isEmpty(cpu, -1);
        if (full) {
            cpu.soft.flags |= SoftFloat.INVALID;
            first.indefinite();
            second.indefinite();
        }
        if (commit(cpu)) {
            set(cpu, 0, first);
            cpu.x87.top = cpu.x87.top - 1 & 7;
            set(cpu, 0, second);
        }
        cpu.x87.status |= full ? STACK_FAULT | C1 : 0;
    }

    static void pop(X86Cpu cpu) {
        cpu.x87.empty |= 1 << cpu.x87.top;
        cpu.x87.top = cpu.x87.top + 1 & 7;
    }

    /** C0, C2 and C3 of a comparison. */
    static void conditions(X86Cpu cpu, int order) {
        int flags =
                switch (order) {
                    case -1 -> C0;
                    case 0 -> C3;
                    case 1 -> 0;
                    default -> C0 | C2 | C3;
                };
        cpu.x87.status = cpu.x87.status & ~CONDITIONS | flags;
    }
}
