package nestor.cpu.arm64;

import static nestor.cpu.arm64.LaneFunction.UNALLOCATED;

/** AdvSIMD three same and AdvSIMD scalar three same (§C4.1.96). */
final class SimdThreeSame {
    private SimdThreeSame() {}

    static Op vector(int instruction) {
        boolean full = (instruction & 1 << 30) != 0;
        int u = instruction >>> 29 & 1;
        int size = instruction >>> 22 & 3;
        int m = instruction >>> 16 & 31;
        int opcode = instruction >>> 11 & 31;
        int n = instruction >>> 5 & 31;
        int d = instruction & 31;
        if (opcode == 0b00011) {
            return SimdLogical.decode(u << 2 | size, full, d, n, m);
        }
        boolean fp = opcode >= 0b11000;
        int esize = fp ? 32 << (size & 1) : 8 << size;
        if (esize == 64 && !full) {
            return Undefined.OP;
        }
        LaneFunction function = fp ? fp(u, size >> 1, opcode) : integer(u, size, opcode);
        if (!function.allocated()) {
            return Undefined.OP;
        }
        WordFunction words = SimdWords.threeSame(u, opcode, esize, function);
        return pairwise(u, size, opcode)
                ? new SimdShapes.Pairwise(words, full, esize, d, n, m)
                : new SimdShapes.Same(words, full, d, n, SecondOperand.vector(m));
    }

    static Op scalar(int instruction) {
        int u = instruction >>> 29 & 1;
        int size = instruction >>> 22 & 3;
        int opcode = instruction >>> 11 & 31;
        boolean fp = opcode >= 0b11000;
        boolean allocated =
                switch (opcode) {
                    case 0b00001, 0b00101, 0b01001, 0b01011, 0b10110 -> true;
                    case 0b00110, 0b00111, 0b01000, 0b01010, 0b10000, 0b10001 -> size == 3;
                    case 0b11010 -> u == 1 && size >= 2;
                    case 0b11011 -> u == 0;
                    case 0b11100, 0b11101, 0b11111 -> opcode != 0b11111 || u == 0;
                    default -> false;
                };
        if (!allocated) {
            return Undefined.OP;
        }
        LaneFunction function = fp ? fp(u, size >> 1, opcode) : integer(u, size, opcode);
        if (!function.allocated()) {
            return Undefined.OP;
        }
        int esize = fp ? 32 << (size & 1) : 8 << size;
        return new SimdShapes.Same(
                WordFunction.scalar(function, esize),
                false,
                instruction & 31,
                instruction >>> 5 & 31,
                SecondOperand.vector(instruction >>> 16 & 31));
    }

    private static boolean pairwise(int u, int size, int opcode) {
        return switch (opcode) {
            case 0b10100, 0b10101 -> true;
            case 0b10111 -> u == 0;
            case 0b11000, 0b11110 -> u == 1;
            case 0b11010 -> u == 1 && size < 2;
            default -> false;
        };
    }

    private static LaneFunction integer(int u, int size, int opcode) {
        boolean sizeAllowed =
                switch (opcode) {
                    case 0b00001, 0b00101, 0b00110, 0b00111 -> true;
                    case 0b01000, 0b01001, 0b01010, 0b01011, 0b10000, 0b10001, 0b10111 -> true;
                    case 0b10011 -> size < 3 && (u == 0 || size == 0);
                    case 0b10110 -> size == 1 || size == 2;
                    default -> size < 3;
                };
        if (!sizeAllowed) {
            return UNALLOCATED;
        }
        return u == 0 ? signed(opcode) : unsigned(opcode);
    }

    private static LaneFunction signed(int opcode) {
        return switch (opcode) {
            case 0b00000 -> IntegerLanes::halvingAddSigned;
            case 0b00001 -> Saturation::addSigned;
            case 0b00010 -> IntegerLanes::roundingHalvingAddSigned;
            case 0b00100 -> IntegerLanes::halvingSubtractSigned;
            case 0b00101 -> Saturation::subtractSigned;
            case 0b00110 -> IntegerLanes::compareGreaterSigned;
            case 0b00111 -> IntegerLanes::compareGreaterEqualSigned;
            case 0b01000 -> ShiftLanes::registerSigned;
            case 0b01001 -> ShiftLanes::registerSaturatingSigned;
            case 0b01010 -> ShiftLanes::registerRoundingSigned;
            case 0b01011 -> ShiftLanes::registerSaturatingRoundingSigned;
            case 0b01100, 0b10100 -> IntegerLanes::maxSigned;
            case 0b01101, 0b10101 -> IntegerLanes::minSigned;
            case 0b01110 -> IntegerLanes::differenceSigned;
            case 0b01111 -> IntegerLanes::accumulateDifferenceSigned;
            case 0b10000, 0b10111 -> IntegerLanes::add;
            case 0b10001 -> IntegerLanes::compareTest;
            case 0b10010 -> IntegerLanes::multiplyAdd;
            case 0b10011 -> IntegerLanes::multiply;
            case 0b10110 -> Saturation::doublingMultiplyHigh;
            default -> UNALLOCATED;
        };
    }

    private static LaneFunction unsigned(int opcode) {
        return switch (opcode) {
            case 0b00000 -> IntegerLanes::halvingAddUnsigned;
            case 0b00001 -> Saturation::addUnsigned;
            case 0b00010 -> IntegerLanes::roundingHalvingAddUnsigned;
            case 0b00100 -> IntegerLanes::halvingSubtractUnsigned;
            case 0b00101 -> Saturation::subtractUnsigned;
            case 0b00110 -> IntegerLanes::compareHigher;
            case 0b00111 -> IntegerLanes::compareHigherSame;
            case 0b01000 -> ShiftLanes::registerUnsigned;
            case 0b01001 -> ShiftLanes::registerSaturatingUnsigned;
            case 0b01010 -> ShiftLanes::registerRoundingUnsigned;
            case 0b01011 -> ShiftLanes::registerSaturatingRoundingUnsigned;
            case 0b01100, 0b10100 -> IntegerLanes::maxUnsigned;
            case 0b01101, 0b10101 -> IntegerLanes::minUnsigned;
            case 0b01110 -> IntegerLanes::differenceUnsigned;
            case 0b01111 -> IntegerLanes::accumulateDifferenceUnsigned;
            case 0b10000 -> IntegerLanes::subtract;
            case 0b10001 -> IntegerLanes::compareEqual;
            case 0b10010 -> IntegerLanes::multiplySubtract;
            case 0b10011 -> IntegerLanes::polynomialMultiply;
            case 0b10110 -> Saturation::roundingDoublingMultiplyHigh;
            default -> UNALLOCATED;
        };
    }

    /** Floating point: {@code a} is the high bit of the size field. */
    private static LaneFunction fp(int u, int a, int opcode) {
        return switch (u << 6 | a << 5 | opcode) {
            case 0b0_0_11000, 0b1_0_11000 -> FpLanes::maxNumber;
            case 0b0_0_11001 -> FpLanes::multiplyAdd;
            case 0b0_0_11010, 0b1_0_11010 -> FpLanes::add;
            case 0b0_0_11011 -> FpLanes::multiplyExtended;
            case 0b0_0_11100 -> FpLanes::compareEqual;
            case 0b0_0_11110, 0b1_0_11110 -> FpLanes::max;
            case 0b0_0_11111 -> FpLanes::reciprocalStep;
            case 0b0_1_11000, 0b1_1_11000 -> FpLanes::minNumber;
            case 0b0_1_11001 -> FpLanes::multiplySubtract;
            case 0b0_1_11010 -> FpLanes::subtract;
            case 0b0_1_11110, 0b1_1_11110 -> FpLanes::min;
            case 0b0_1_11111 -> FpLanes::reciprocalRootStep;
            case 0b1_0_11011 -> FpLanes::multiply;
            case 0b1_0_11100 -> FpLanes::compareGreaterEqual;
            case 0b1_0_11101 -> FpLanes::absoluteCompareGreaterEqual;
            case 0b1_0_11111 -> FpLanes::divide;
            case 0b1_1_11010 -> FpLanes::absoluteDifference;
            case 0b1_1_11100 -> FpLanes::compareGreater;
            case 0b1_1_11101 -> FpLanes::absoluteCompareGreater;
            default -> UNALLOCATED;
        };
    }
}
