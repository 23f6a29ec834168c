package nestor.cpu.arm64;

import static nestor.cpu.arm64.LaneFunction.UNALLOCATED;

/** AdvSIMD shift by immediate and AdvSIMD scalar shift by immediate (§C4.1.96). */
final class SimdShiftImmediate {
    private SimdShiftImmediate() {}

    static Op vector(int instruction) {
        int half = instruction >>> 30 & 1;
        int u = instruction >>> 29 & 1;
        int opcode = instruction >>> 11 & 31;
        int n = instruction >>> 5 & 31;
        int d = instruction & 31;
        int immediate = instruction >>> 16 & 127;
        int esize = Integer.highestOneBit(immediate) & 0x78;
        int right = 2 * esize - immediate;
        int left = immediate - esize;
        if (opcode == 0b11100 || opcode == 0b11111) {
            return esize < 32 || esize == 64 && half == 0
                    ? Undefined.OP
                    : convert(u, opcode, esize, half == 1, d, n, right, false);
        }
        if (opcode >= 0b10000) {
            return esize == 64 ? Undefined.OP : resized(u, opcode, esize, half, d, n, right, left);
        }
        LaneFunction function = same(u, opcode);
        if (!function.allocated() || esize == 64 && half == 0) {
            return Undefined.OP;
        }
        return new SimdShapes.Same(
                WordFunction.lanes(function, esize),
                half == 1,
                d,
                n,
                SecondOperand.immediate(distance(opcode, right, left), esize));
    }

    static Op scalar(int instruction) {
        int u = instruction >>> 29 & 1;
        int opcode = instruction >>> 11 & 31;
        int n = instruction >>> 5 & 31;
        int d = instruction & 31;
        int immediate = instruction >>> 16 & 127;
        int esize = Integer.highestOneBit(immediate) & 0x78;
        int right = 2 * esize - immediate;
        int left = immediate - esize;
        if (opcode == 0b11100 || opcode == 0b11111) {
            return esize < 32 ? Undefined.OP : convert(u, opcode, esize, false, d, n, right, true);
        }
        if (opcode >= 0b10000) {
            LaneFunction function = narrow(u, opcode);
            boolean saturates = opcode >= 0b10010 || u == 1;
            return !function.allocated() || !saturates || esize == 64
                    ? Undefined.OP
                    : new SimdShapes.ScalarNarrow(function, esize, d, n, right);
        }
        LaneFunction function = same(u, opcode);
        boolean saturates = opcode == 0b01100 || opcode == 0b01110;
        if (!function.allocated() || esize != 64 && !saturates) {
            return Undefined.OP;
        }
        return new SimdShapes.Same(
                WordFunction.scalar(function, esize),
                false,
                d,
                n,
                SecondOperand.immediate(distance(opcode, right, left), esize));
    }

    /** Opcodes 01010 and up shift to the left. */
    private static int distance(int opcode, int right, int left) {
        return opcode >= 0b01010 ? left : right;
    }

    private static Op resized(
            int u, int opcode, int esize, int half, int d, int n, int right, int left) {
        if (opcode == 0b10100) {
            return u == 0
                    ? new SimdShapes.Lengthen(
                            ShiftLanes::longLeftSigned,
                            false,
                            esize,
                            half,
                            d,
                            n,
                            SecondOperand.immediate(left, esize))
                    : new SimdResize.Widen(esize, half, d, n, left);
        }
        if (opcode == 0b10000 && u == 0) {
            return new SimdResize.Narrow(esize, half, d, n, right);
        }
        LaneFunction function = narrow(u, opcode);
        return !function.allocated()
                ? Undefined.OP
                : new SimdShapes.Narrow(
                        function, esize, half, d, n, SecondOperand.immediate(right, 2 * esize));
    }

    /** SCVTF, UCVTF, FCVTZS, FCVTZU with {@code fractionBits} to the right of the point. */
    private static Op convert(
            int u,
            int opcode,
            int esize,
            boolean full,
            int d,
            int n,
            int fractionBits,
            boolean scalar) {
        LaneFunction function =
                switch (u << 5 | opcode) {
                    case 0b0_11100 -> FpLanes::fromSigned;
                    case 0b1_11100 -> FpLanes::fromUnsigned;
                    case 0b0_11111 -> FpLanes::toSignedTowardZero;
                    default -> FpLanes::toUnsignedTowardZero;
                };
        WordFunction words =
                scalar ? WordFunction.scalar(function, esize) : WordFunction.lanes(function, esize);
        return new SimdShapes.Same(words, full, d, n, SecondOperand.immediate(fractionBits, esize));
    }

    private static LaneFunction same(int u, int opcode) {
        return switch (u << 5 | opcode) {
            case 0b0_00000 -> ShiftLanes::rightSigned;
            case 0b0_00010 -> ShiftLanes::accumulateRightSigned;
            case 0b0_00100 -> ShiftLanes::roundRightSigned;
            case 0b0_00110 -> ShiftLanes::accumulateRoundRightSigned;
            case 0b0_01010 -> ShiftLanes::left;
            case 0b0_01110 -> ShiftLanes::saturatingLeftSigned;
            case 0b1_00000 -> ShiftLanes::rightUnsigned;
            case 0b1_00010 -> ShiftLanes::accumulateRightUnsigned;
            case 0b1_00100 -> ShiftLanes::roundRightUnsigned;
            case 0b1_00110 -> ShiftLanes::accumulateRoundRightUnsigned;
            case 0b1_01000 -> ShiftLanes::insertRight;
            case 0b1_01010 -> ShiftLanes::insertLeft;
            case 0b1_01100 -> Saturation::shiftLeftSignedToUnsigned;
            case 0b1_01110 -> ShiftLanes::saturatingLeftUnsigned;
            default -> UNALLOCATED;
        };
    }

    private static LaneFunction narrow(int u, int opcode) {
        return switch (u << 5 | opcode) {
            case 0b0_10000 -> ShiftLanes::narrowRight;
            case 0b0_10001 -> ShiftLanes::narrowRoundRight;
            case 0b0_10010 -> ShiftLanes::narrowSaturatingSigned;
            case 0b0_10011 -> ShiftLanes::narrowSaturatingRoundingSigned;
            case 0b1_10000 -> ShiftLanes::narrowSaturatingSignedToUnsigned;
            case 0b1_10001 -> ShiftLanes::narrowSaturatingRoundingSignedToUnsigned;
            case 0b1_10010 -> ShiftLanes::narrowSaturatingUnsigned;
            case 0b1_10011 -> ShiftLanes::narrowSaturatingRoundingUnsigned;
            default -> UNALLOCATED;
        };
    }
}
