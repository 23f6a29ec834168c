package nestor.cpu.x86;

/** ADD, MUL, SUB, MIN, DIV, MAX, SQRT, CMP, COMIS and UCOMIS; RCP and RSQRT. */
final class SseArithmetic {
    private static final int SQRT = 0x51;
    private static final int RSQRT = 0x52;
    private static final int RCP = 0x53;
    private static final int ADD = 0x58;
    private static final int MUL = 0x59;
    private static final int SUB = 0x5c;
    private static final int MIN = 0x5d;
    private static final int DIV = 0x5e;
    private static final int COMPARE = 0xc2;
    private static final long WORD = 0xffff_ffffL;

    private SseArithmetic() {}

    /** 0F 51-53, 58, 59, 5C-5F, and C2 whose predicate follows. */
    static Op of(Instruction in) throws Instruction.Truncated {
        boolean wide = in.repeat == Instruction.REPNE || !repeats(in) && in.operandPrefix;
        boolean scalar = repeats(in);
        int opcode = in.opcode;
        int predicate = opcode == COMPARE ? (int) in.signed(1) & 7 : 0;
        if ((opcode == RSQRT || opcode == RCP) && wide) {
            return Undefined.OP;
        }
        SseOp.Kernel kernel =
                scalar
                        ? (cpu, d, s) -> scalar(cpu, opcode, predicate, wide, d, s)
                        : (cpu, d, s) -> packed(cpu, opcode, predicate, wide, d, s);
        int bytes = !scalar ? 16 : wide ? 8 : 4;
        return new SseOp.Binary(kernel, XmmOperand.reg(in), XmmOperand.rm(in, bytes));
    }

    private static boolean repeats(Instruction in) {
        return in.repeat != Instruction.NO_REPEAT;
    }

    private static void scalar(X86Cpu cpu, int opcode, int predicate, boolean wide, int d, int s) {
        Mxcsr.begin(cpu);
        long[] v = cpu.vector;
        long r = element(cpu, opcode, predicate, wide, v[d], v[s]);
        Mxcsr.end(cpu);
        v[d] = wide ? r : v[d] & ~WORD | r & WORD;
    }

    private static void packed(X86Cpu cpu, int opcode, int predicate, boolean wide, int d, int s) {
        Mxcsr.begin(cpu);
        long[] v = cpu.vector;
        long low = quadword(cpu, opcode, predicate, wide, v[d], v[s]);
        long high = quadword(cpu, opcode, predicate, wide, v[d + 1], v[s + 1]);
        Mxcsr.end(cpu);
        v[d] = low;
        v[d + 1] = high;
    }

    private static long quadword(
            X86Cpu cpu, int opcode, int predicate, boolean wide, long a, long b) {
        if (wide) {
            return element(cpu, opcode, predicate, true, a, b);
        }
        return element(cpu, opcode, predicate, false, a & WORD, b & WORD) & WORD
                | element(cpu, opcode, predicate, false, a >>> 32, b >>> 32) << 32;
    }

    private static long element(
            X86Cpu cpu, int opcode, int predicate, boolean wide, long a, long b) {
        if (opcode == COMPARE) {
            return compare(cpu, predicate, wide, a, b) ? -1 : 0;
        }
        if (opcode == RSQRT || opcode == RCP) {
            return estimate(opcode, Float.intBitsToFloat((int) b));
        }
        if (Mxcsr.isPlain(cpu)) {
            long r = wide ? plainDouble(opcode, a, b) : plainSingle(opcode, a, b);
            if (r != 0) {
                return r;
            }
        }
        return exact(cpu, opcode, wide, a, b);
    }

    /** Zero if somebody has to look closer. */
    private static long plainDouble(int opcode, long a, long b) {
        double x = Double.longBitsToDouble(a);
        double y = Double.longBitsToDouble(b);
        double r =
                switch (opcode) {
                    case ADD -> x + y;
                    case SUB -> x - y;
                    case MUL -> x * y;
                    case DIV -> x / y;
                    case SQRT -> Math.sqrt(y);
                    default -> 0;
                };
        boolean ordinary = isOrdinary(y) && isOrdinary(r) && (opcode == SQRT || isOrdinary(x));
        return ordinary ? Double.doubleToRawLongBits(r) : 0;
    }

    private static long plainSingle(int opcode, long a, long b) {
        float x = Float.intBitsToFloat((int) a);
        float y = Float.intBitsToFloat((int) b);
        float r =
                switch (opcode) {
                    case ADD -> x + y;
                    case SUB -> x - y;
                    case MUL -> x * y;
                    case DIV -> x / y;
                    case SQRT -> (float) Math.sqrt(y);
                    default -> 0;
                };
        boolean ordinary = isOrdinary(y) && isOrdinary(r) && (opcode == SQRT || isOrdinary(x));
        return ordinary ? Float.floatToRawIntBits(r) & WORD : 0;
    }

    private static boolean isOrdinary(double x) {
        double magnitude = Math.abs(x);
        return magnitude >= Double.MIN_NORMAL && magnitude <= Double.MAX_VALUE;
    }

    private static boolean isOrdinary(float x) {
        float magnitude = Math.abs(x);
        return magnitude >= Float.MIN_NORMAL && magnitude <= Float.MAX_VALUE;
    }

    private static long exact(X86Cpu cpu, int opcode, boolean wide, long a, long b) {
        SoftFloat soft = cpu.soft;
        SoftFloat.Format format = wide ? SoftFloat.Format.DOUBLE : SoftFloat.Format.SINGLE;
        Mxcsr.load(cpu, soft.a, opcode == SQRT ? b : a, wide);
        Mxcsr.load(cpu, soft.b, b, wide);
        switch (opcode) {
            case ADD -> soft.add(format);
            case SUB -> soft.subtract(format);
            case MUL -> soft.multiply(format);
            case DIV -> soft.divide(format);
            case SQRT -> soft.squareRoot(format);
            default -> {
                return lesserOrGreater(soft, opcode == MIN, wide, a, b);
            }
        }
        return wide ? soft.asDouble() : soft.single();
    }

    /** The second operand, too, of NaNs and of zeros. */
    private static long lesserOrGreater(SoftFloat soft, boolean min, boolean wide, long a, long b) {
        boolean first = soft.compare(false) == (min ? -1 : 1);
        FloatNumber taken = first ? soft.a : soft.b;
        boolean flushed = taken.kind == FloatNumber.ZERO;
        long sign = wide ? Long.MIN_VALUE : 1L << 31;
        return (first ? a : b) & (flushed ? sign : -1);
    }

    /** 12 bits are asked for; what is denormal counts as zero. */
    private static long estimate(int opcode, float x) {
        float operand = Math.abs(x) < Float.MIN_NORMAL ? Math.copySign(0f, x) : x;
        if (Float.isNaN(x)) {
            return Float.floatToRawIntBits(x) | 1 << 22;
        }
        if (opcode == RSQRT && operand < 0) {
            return 0xffc0_0000L;
        }
        float r = opcode == RCP ? 1f / operand : 1f / (float) Math.sqrt(operand);
        return Float.floatToRawIntBits(Math.abs(r) < Float.MIN_NORMAL ? Math.copySign(0f, r) : r);
    }

    private static boolean compare(X86Cpu cpu, int predicate, boolean wide, long a, long b) {
        SoftFloat soft = cpu.soft;
        Mxcsr.load(cpu, soft.a, a, wide);
        Mxcsr.load(cpu, soft.b, b, wide);
        int order = soft.compare((predicate & 3) == 0 || (predicate & 3) == 3);
        boolean holds =
                switch (predicate & 3) {
                    case 0 -> order == 0;
                    case 1 -> order == -1;
                    case 2 -> order == -1 || order == 0;
                    default -> order == SoftFloat.UNORDERED;
                };
        return holds != predicate >= 4;
    }

    /** 0F 2E and 2F: UCOMISS, COMISS and so on. */
    static Op compareToFlags(Instruction in) {
        boolean quiet = in.opcode == 0x2e;
        boolean wide = in.operandPrefix;
        return new SseOp.Binary(
                (cpu, d, s) -> {
                    SoftFloat soft = Mxcsr.begin(cpu);
                    Mxcsr.load(cpu, soft.a, cpu.vector[d], wide);
                    Mxcsr.load(cpu, soft.b, cpu.vector[s], wide);
                    int order = soft.compare(quiet);
                    Mxcsr.end(cpu);
                    Flags.set(cpu, flags(order));
                },
                XmmOperand.reg(in),
                XmmOperand.rm(in, wide ? 8 : 4));
    }

    /** ZF, PF and CF of a comparison (2A, COMISD; FCOMI). */
    static int flags(int order) {
        return switch (order) {
            case -1 -> Flags.CF;
            case 0 -> Flags.ZF;
            case 1 -> 0;
            default -> Flags.CF | Flags.ZF | Flags.PF;
        };
    }
}
