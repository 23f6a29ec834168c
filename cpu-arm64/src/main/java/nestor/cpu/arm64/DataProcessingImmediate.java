package nestor.cpu.arm64;

import static nestor.cpu.arm64.Encoding.bits;

/** Data Processing -- Immediate (§C4.1.92). */
final class DataProcessingImmediate {
    private DataProcessingImmediate() {}

    static Op decode(int instruction, int offset) {
        return switch (bits(instruction, 25, 23)) {
            case 0b000, 0b001 -> PcRelative.decode(instruction, offset);
            case 0b010 -> AddSubtract.immediate(instruction);
            case 0b100 -> Logical.immediate(instruction);
            case 0b101 -> MoveWide.decode(instruction);
            case 0b110 -> Bitfield.decode(instruction);
            case 0b111 -> Bitfield.extract(instruction);
            default -> Undefined.OP; // with tags: FEAT_MTE
        };
    }
}
