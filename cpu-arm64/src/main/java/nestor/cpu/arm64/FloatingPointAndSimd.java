package nestor.cpu.arm64;

/** Decoder of scalar floating point and AdvSIMD data processing (§C4.1.96). */
final class FloatingPointAndSimd {
    private FloatingPointAndSimd() {}

    static Op decode(int instruction, int offset) {
        boolean second = (instruction & 1 << 24) != 0;
        if ((instruction & 1 << 28) == 0) {
            return instruction < 0 ? Undefined.OP : vector(instruction, second);
        }
        return switch (instruction >>> 29) {
            case 0, 4 -> ScalarFp.decode(instruction);
            case 2, 3 -> scalar(instruction, second);
            default -> Undefined.OP;
        };
    }

    /** AdvSIMD vector groups: bit 31 is 0, bits 28:25 are 0111. */
    private static Op vector(int instruction, boolean second) {
        boolean bit10 = (instruction & 1 << 10) != 0;
        if (second) {
            if (!bit10) {
                return SimdByElement.vector(instruction);
            }
            if ((instruction & 1 << 23) != 0) {
                return Undefined.OP;
            }
            return (instruction >>> 19 & 15) == 0
                    ? SimdModifiedImmediate.decode(instruction)
                    : SimdShiftImmediate.vector(instruction);
        }
        if ((instruction & 1 << 21) == 0) {
            return SimdPermute.decode(instruction);
        }
        if (bit10) {
            return SimdThreeSame.vector(instruction);
        }
        if ((instruction & 1 << 11) == 0) {
            return SimdThreeDifferent.vector(instruction);
        }
        return switch (instruction >>> 17 & 15) {
            case 0 -> SimdTwoRegister.vector(instruction);
            case 8 -> SimdAcross.vector(instruction);
            default -> Undefined.OP;
        };
    }

    /** AdvSIMD scalar groups: bits 31:30 are 01, bits 28:25 are 1111. */
    private static Op scalar(int instruction, boolean second) {
        boolean bit10 = (instruction & 1 << 10) != 0;
        if (second) {
            if (!bit10) {
                return SimdByElement.scalar(instruction);
            }
            return (instruction & 1 << 23) != 0 || (instruction >>> 19 & 15) == 0
                    ? Undefined.OP
                    : SimdShiftImmediate.scalar(instruction);
        }
        if ((instruction & 1 << 21) == 0) {
            return SimdPermute.scalarCopy(instruction);
        }
        if (bit10) {
            return SimdThreeSame.scalar(instruction);
        }
        if ((instruction & 1 << 11) == 0) {
            return SimdThreeDifferent.scalar(instruction);
        }
        return switch (instruction >>> 17 & 15) {
            case 0 -> SimdTwoRegister.scalar(instruction);
            case 8 -> SimdAcross.scalar(instruction);
            default -> Undefined.OP;
        };
    }
}
