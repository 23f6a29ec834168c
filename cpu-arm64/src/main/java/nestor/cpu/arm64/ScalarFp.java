package nestor.cpu.arm64;

import static nestor.cpu.arm64.LaneFunction.UNALLOCATED;

/** Scalar floating-point data processing (§C4.1.96, bits 28:24 = 1111x). */
final class ScalarFp {
    private ScalarFp() {}

    static Op decode(int instruction) {
        int type = instruction >>> 22 & 3;
        boolean single = type == 0;
        if (type == 2) {
            return (instruction & 0xffff_0000 & ~(1 << 16)) == 0x9eae_0000
                            && (instruction & 0xfc00) == 0
                    ? ScalarFpMove.topHalf(instruction)
                    : Undefined.OP;
        }
        int esize = single ? 32 : 64;
        boolean wide = instruction < 0;
        if ((instruction & 1 << 24) != 0) {
            return wide || type == 3 ? Undefined.OP : threeSource(instruction, esize);
        }
        if ((instruction & 1 << 21) == 0) {
            return type == 3 ? Undefined.OP : ScalarFpConvert.fixed(instruction, esize);
        }
        if ((instruction & 0xfc00) == 0) {
            return type == 3 ? Undefined.OP : ScalarFpConvert.integer(instruction, esize);
        }
        if (wide) {
            return Undefined.OP;
        }
        if ((instruction & 0x7c00) == 0x4000) {
            return oneSource(instruction, type, esize);
        }
        if (type == 3) {
            return Undefined.OP;
        }
        if ((instruction & 0x3c00) == 0x2000) {
            return compare(instruction, esize);
        }
        if ((instruction & 0x1c00) == 0x1000) {
            int imm8 = instruction >>> 13 & 0xff;
            long bits = SimdModifiedImmediate.expandFp(imm8, esize);
            return (instruction >>> 5 & 31) == 0
                    ? new ScalarFpMove.Immediate(instruction & 31, bits)
                    : Undefined.OP;
        }
        return switch (instruction >>> 10 & 3) {
            case 1 -> conditionalCompare(instruction, esize);
            case 2 -> twoSource(instruction, esize);
            case 3 -> select(instruction, esize);
            default -> Undefined.OP;
        };
    }

    private static Op oneSource(int instruction, int type, int esize) {
        int opcode = instruction >>> 15 & 63;
        int n = instruction >>> 5 & 31;
        int d = instruction & 31;
        if (opcode == 4 || opcode == 5 || opcode == 7) {
            int to = opcode & 3;
            return to == type
                    ? Undefined.OP
                    : new ScalarFpConvert.Precision(format(type), format(to), d, n);
        }
        LaneFunction function =
                switch (opcode) {
                    case 0 -> FpLanes::move;
                    case 1 -> FpLanes::absolute;
                    case 2 -> FpLanes::negate;
                    case 3 -> FpLanes::squareRoot;
                    case 8 -> FpLanes::roundNearest;
                    case 9 -> FpLanes::roundPlus;
                    case 10 -> FpLanes::roundMinus;
                    case 11 -> FpLanes::roundZero;
                    case 12 -> FpLanes::roundAway;
                    case 14 -> FpLanes::roundExact;
                    case 15 -> FpLanes::roundCurrent;
                    default -> UNALLOCATED;
                };
        return !function.allocated() || type == 3
                ? Undefined.OP
                : new Compute(function, esize, d, n, n, d);
    }

    private static FpFormat format(int type) {
        return switch (type) {
            case 0 -> FpFormat.SINGLE;
            case 1 -> FpFormat.DOUBLE;
            default -> FpFormat.HALF;
        };
    }

    private static Op twoSource(int instruction, int esize) {
        LaneFunction function =
                switch (instruction >>> 12 & 15) {
                    case 0 -> FpLanes::multiply;
                    case 1 -> FpLanes::divide;
                    case 2 -> FpLanes::add;
                    case 3 -> FpLanes::subtract;
                    case 4 -> FpLanes::max;
                    case 5 -> FpLanes::min;
                    case 6 -> FpLanes::maxNumber;
                    case 7 -> FpLanes::minNumber;
                    case 8 -> FpLanes::multiplyNegated;
                    default -> UNALLOCATED;
                };
        int d = instruction & 31;
        return !function.allocated()
                ? Undefined.OP
                : new Compute(
                        function, esize, d, instruction >>> 5 & 31, instruction >>> 16 & 31, d);
    }

    /** FMADD, FMSUB, FNMADD, FNMSUB. */
    private static Op threeSource(int instruction, int esize) {
        boolean negateAll = (instruction & 1 << 21) != 0;
        boolean subtract = (instruction & 1 << 15) != 0;
        LaneFunction function = subtract ? FpLanes::multiplySubtract : FpLanes::multiplyAdd;
        if (negateAll) {
            function =
                    subtract
                            ? (cpu, e, d, n, m) ->
                                    FpLanes.multiplyAdd(cpu, e, d ^ 1L << (e - 1), n, m)
                            : (cpu, e, d, n, m) ->
                                    FpLanes.multiplySubtract(cpu, e, d ^ 1L << (e - 1), n, m);
        }
        return new Compute(
                function,
                esize,
                instruction & 31,
                instruction >>> 5 & 31,
                instruction >>> 16 & 31,
                instruction >>> 10 & 31);
    }

    private static Op compare(int instruction, int esize) {
        if ((instruction & 0xc007) != 0) {
            return Undefined.OP;
        }
        boolean withZero = (instruction & 8) != 0;
        boolean signalling = (instruction & 16) != 0;
        int m = instruction >>> 16 & 31;
        return new Compare(esize, instruction >>> 5 & 31, m, withZero, signalling);
    }

    private static Op conditionalCompare(int instruction, int esize) {
        Compare compare =
                new Compare(
                        esize,
                        instruction >>> 5 & 31,
                        instruction >>> 16 & 31,
                        false,
                        (instruction & 16) != 0);
        return new ConditionalCompare(compare, instruction >>> 12 & 15, instruction & 15);
    }

    private static Op select(int instruction, int esize) {
        return new Select(
                esize,
                instruction >>> 12 & 15,
                instruction & 31,
                instruction >>> 5 & 31,
                instruction >>> 16 & 31);
    }

    /** ConditionHolds (§J1). */
    private static boolean holds(int condition, int nzcv) {
        boolean n = (nzcv & 8) != 0;
        boolean z = (nzcv & 4) != 0;
        boolean c = (nzcv & 2) != 0;
        boolean v = (nzcv & 1) != 0;
        boolean result =
                switch (condition >> 1) {
                    case 0 -> z;
                    case 1 -> c;
                    case 2 -> n;
                    case 3 -> v;
                    case 4 -> c && !z;
                    case 5 -> n == v;
                    case 6 -> n == v && !z;
                    default -> true;
                };
        return (condition & 1) != 0 && condition != 15 ? !result : result;
    }

    /** One to three operands to one result of the same format. */
    private static final class Compute extends SimdOp {
        private final LaneFunction function;
        private final int esize;
        private final long mask;
        private final int d;
        private final int n;
        private final int m;
        private final int a;

        Compute(LaneFunction function, int esize, int d, int n, int m, int a) {
            this.function = function;
            this.esize = esize;
            this.mask = Lanes.mask(esize);
            this.d = 2 * d;
            this.n = 2 * n;
            this.m = 2 * m;
            this.a = 2 * a;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long[] v = cpu.v;
            long result = function.apply(cpu, esize, v[a] & mask, v[n] & mask, v[m] & mask);
            v[d] = result & mask;
            v[d + 1] = 0;
        }
    }

    /** FCMP, FCMPE. */
    private static final class Compare extends SimdOp {
        private final FpFormat format;
        private final long mask;
        private final int n;
        private final int m;
        private final boolean withZero;
        private final boolean signalling;

        Compare(int esize, int n, int m, boolean withZero, boolean signalling) {
            this.format = FpFormat.of(esize);
            this.mask = Lanes.mask(esize);
            this.n = 2 * n;
            this.m = 2 * m;
            this.withZero = withZero;
            this.signalling = signalling;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long second = withZero ? 0 : cpu.v[m] & mask;
            cpu.nzcv = FpCompare.compare(cpu, format, cpu.v[n] & mask, second, signalling);
        }
    }

    /** FCCMP, FCCMPE. */
    private static final class ConditionalCompare extends SimdOp {
        private final Compare compare;
        private final int condition;
        private final int otherwise;

        ConditionalCompare(Compare compare, int condition, int otherwise) {
            this.compare = compare;
            this.condition = condition;
            this.otherwise = otherwise;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            if (holds(condition, cpu.nzcv)) {
                compare.exec(cpu);
            } else {
                cpu.nzcv = otherwise;
            }
        }
    }

    /** FCSEL. */
    private static final class Select extends SimdOp {
        private final long mask;
        private final int condition;
        private final int d;
        private final int n;
        private final int m;

        Select(int esize, int condition, int d, int n, int m) {
            this.mask = Lanes.mask(esize);
            this.condition = condition;
            this.d = 2 * d;
            this.n = 2 * n;
            this.m = 2 * m;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.v[d] = cpu.v[holds(condition, cpu.nzcv) ? n : m] & mask;
            cpu.v[d + 1] = 0;
        }
    }
}
