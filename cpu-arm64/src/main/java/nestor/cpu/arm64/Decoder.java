package nestor.cpu.arm64;

/**
 * Top level of A64 decoding (§C4.1): total, every 32-bit word becomes an op; {@link Undefined}
 * where the encoding is unallocated or belongs to a feature we do not implement.
 */
final class Decoder {
    private Decoder() {}

    /**
     * Decodes one instruction.
     *
     * @param instruction the 32-bit word
     * @param offset of the instruction from the start of its block, in bytes
     */
    static Op decode(int instruction, int offset) {
        return switch ((instruction >>> 25) & 0xf) {
            case 0b1000, 0b1001 -> DataProcessingImmediate.decode(instruction, offset);
            case 0b1010, 0b1011 -> BranchesAndSystem.decode(instruction, offset);
            case 0b0100, 0b1100 -> LoadsAndStores.decode(instruction, offset);
            case 0b0110, 0b1110 -> SimdLoadsAndStores.decode(instruction, offset);
            case 0b0101, 0b1101 -> DataProcessingRegister.decode(instruction);
            case 0b0111, 0b1111 -> FloatingPointAndSimd.decode(instruction, offset);
            default -> Undefined.OP;
        };
    }
}
