package nestor.cpu.arm64;

import static nestor.cpu.arm64.LaneFunction.UNALLOCATED;

/** AdvSIMD vector x indexed element and its scalar form (§C4.1.96). */
final class SimdByElement {
    private SimdByElement() {}

    static Op vector(int instruction) {
        int half = instruction >>> 30 & 1;
        int u = instruction >>> 29 & 1;
        int opcode = instruction >>> 12 & 15;
        int size = instruction >>> 22 & 3;
        LaneFunction function = function(u, opcode);
        if (!function.allocated()
                || !indexable(opcode, instruction)
                || fp(opcode) && size == 3 && half == 0) {
            return Undefined.OP;
        }
        int esize = 8 << size;
        int n = instruction >>> 5 & 31;
        int d = instruction & 31;
        SecondOperand m = element(instruction, size);
        return switch (opcode) {
            case 0b0010, 0b0011, 0b0110, 0b0111, 0b1010, 0b1011 ->
                    new SimdShapes.Lengthen(function, false, esize, half, d, n, m);
            default -> new SimdShapes.Same(WordFunction.lanes(function, esize), half == 1, d, n, m);
        };
    }

    static Op scalar(int instruction) {
        int u = instruction >>> 29 & 1;
        int opcode = instruction >>> 12 & 15;
        int size = instruction >>> 22 & 3;
        boolean allocated =
                switch (opcode) {
                    case 0b0011, 0b0111, 0b1011, 0b1100, 0b1101, 0b0001, 0b0101 -> u == 0;
                    case 0b1001 -> true;
                    default -> false;
                };
        if (!allocated || !indexable(opcode, instruction)) {
            return Undefined.OP;
        }
        LaneFunction function = function(u, opcode);
        int esize = 8 << size;
        int n = instruction >>> 5 & 31;
        int d = instruction & 31;
        SecondOperand m = element(instruction, size);
        return switch (opcode) {
            case 0b0011, 0b0111, 0b1011 -> new SimdShapes.ScalarLengthen(function, esize, d, n, m);
            default -> new SimdShapes.Same(WordFunction.scalar(function, esize), false, d, n, m);
        };
    }

    private static boolean fp(int opcode) {
        return (opcode & 3) == 1 && opcode != 0b1101;
    }

    /** Whether the size (and the L bit that a doubleword index lacks) is allocated. */
    private static boolean indexable(int opcode, int instruction) {
        int size = instruction >>> 22 & 3;
        if (fp(opcode)) {
            return size == 2 || size == 3 && (instruction & 1 << 21) == 0;
        }
        return size == 1 || size == 2;
    }

    /** The element {@code H:L:M} selects of {@code Rm}. */
    private static SecondOperand element(int instruction, int size) {
        int h = instruction >>> 11 & 1;
        int l = instruction >>> 21 & 1;
        int m = instruction >>> 20 & 1;
        int register = instruction >>> 16 & 15;
        return switch (size) {
            case 1 -> new SecondOperand.Element(2 * register, h << 2 | l << 1 | m, 16);
            case 2 -> new SecondOperand.Element(2 * (m << 4 | register), h << 1 | l, 32);
            default -> new SecondOperand.Element(2 * (m << 4 | register), h, 64);
        };
    }

    private static LaneFunction function(int u, int opcode) {
        return switch (u << 4 | opcode) {
            case 0b0_0001 -> FpLanes::multiplyAdd;
            case 0b0_0010 -> IntegerLanes::multiplyAddLongSigned;
            case 0b0_0011 -> Saturation::doublingMultiplyAddLong;
            case 0b0_0101 -> FpLanes::multiplySubtract;
            case 0b0_0110 -> IntegerLanes::multiplySubtractLongSigned;
            case 0b0_0111 -> Saturation::doublingMultiplySubtractLong;
            case 0b0_1000 -> IntegerLanes::multiply;
            case 0b0_1001 -> FpLanes::multiply;
            case 0b0_1010 -> IntegerLanes::multiplyLongSigned;
            case 0b0_1011 -> Saturation::doublingMultiplyLong;
            case 0b0_1100 -> Saturation::doublingMultiplyHigh;
            case 0b0_1101 -> Saturation::roundingDoublingMultiplyHigh;
            case 0b1_0000, 0b1_0010 -> IntegerLanes::multiplyAdd;
            case 0b1_0100, 0b1_0110 -> IntegerLanes::multiplySubtract;
            case 0b1_1001 -> FpLanes::multiplyExtended;
            case 0b1_1010 -> IntegerLanes::multiply;
            default -> UNALLOCATED;
        };
    }
}
