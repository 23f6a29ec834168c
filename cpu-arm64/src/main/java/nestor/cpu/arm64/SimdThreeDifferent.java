package nestor.cpu.arm64;

import static nestor.cpu.arm64.LaneFunction.UNALLOCATED;

/** AdvSIMD three different and AdvSIMD scalar three different (§C4.1.96). */
final class SimdThreeDifferent {
    private SimdThreeDifferent() {}

    static Op vector(int instruction) {
        int half = instruction >>> 30 & 1;
        int u = instruction >>> 29 & 1;
        int size = instruction >>> 22 & 3;
        int m = instruction >>> 16 & 31;
        int opcode = instruction >>> 12 & 15;
        int n = instruction >>> 5 & 31;
        int d = instruction & 31;
        LaneFunction function = u == 0 ? signed(opcode) : unsigned(opcode);
        boolean doubling = opcode == 0b1001 || opcode == 0b1011 || opcode == 0b1101;
        if (!function.allocated()
                || size == 3
                || doubling && size == 0
                || opcode == 0b1110 && size != 0) {
            return Undefined.OP;
        }
        int esize = 8 << size;
        SecondOperand second = SecondOperand.vector(m);
        return switch (opcode) {
            case 0b0001, 0b0011 ->
                    new SimdShapes.Lengthen(function, true, esize, half, d, n, second);
            case 0b0100, 0b0110 -> new SimdShapes.Narrow(function, esize, half, d, n, second);
            default -> new SimdShapes.Lengthen(function, false, esize, half, d, n, second);
        };
    }

    static Op scalar(int instruction) {
        int size = instruction >>> 22 & 3;
        LaneFunction function = doubling(instruction >>> 12 & 15);
        if (!function.allocated() || (instruction & 1 << 29) != 0 || size == 0 || size == 3) {
            return Undefined.OP;
        }
        return new SimdShapes.ScalarLengthen(
                function,
                8 << size,
                instruction & 31,
                instruction >>> 5 & 31,
                SecondOperand.vector(instruction >>> 16 & 31));
    }

    private static LaneFunction doubling(int opcode) {
        return switch (opcode) {
            case 0b1001 -> Saturation::doublingMultiplyAddLong;
            case 0b1011 -> Saturation::doublingMultiplySubtractLong;
            case 0b1101 -> Saturation::doublingMultiplyLong;
            default -> UNALLOCATED;
        };
    }

    private static LaneFunction signed(int opcode) {
        return switch (opcode) {
            case 0b0000 -> IntegerLanes::addLongSigned;
            case 0b0001 -> IntegerLanes::addWideSigned;
            case 0b0010 -> IntegerLanes::subtractLongSigned;
            case 0b0011 -> IntegerLanes::subtractWideSigned;
            case 0b0100 -> IntegerLanes::addHighNarrow;
            case 0b0101 -> IntegerLanes::accumulateDifferenceSigned;
            case 0b0110 -> IntegerLanes::subtractHighNarrow;
            case 0b0111 -> IntegerLanes::differenceSigned;
            case 0b1000 -> IntegerLanes::multiplyAddLongSigned;
            case 0b1010 -> IntegerLanes::multiplySubtractLongSigned;
            case 0b1100 -> IntegerLanes::multiplyLongSigned;
            case 0b1110 -> IntegerLanes::polynomialMultiply;
            default -> doubling(opcode);
        };
    }

    private static LaneFunction unsigned(int opcode) {
        return switch (opcode) {
            case 0b0000, 0b0001 -> IntegerLanes::add;
            case 0b0010, 0b0011 -> IntegerLanes::subtract;
            case 0b0100 -> IntegerLanes::roundingAddHighNarrow;
            case 0b0101 -> IntegerLanes::accumulateDifferenceUnsigned;
            case 0b0110 -> IntegerLanes::roundingSubtractHighNarrow;
            case 0b0111 -> IntegerLanes::differenceUnsigned;
            case 0b1000 -> IntegerLanes::multiplyAdd;
            case 0b1010 -> IntegerLanes::multiplySubtract;
            case 0b1100 -> IntegerLanes::multiply;
            default -> UNALLOCATED;
        };
    }
}
