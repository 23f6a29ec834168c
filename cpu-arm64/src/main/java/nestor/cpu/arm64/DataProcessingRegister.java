package nestor.cpu.arm64;

import static nestor.cpu.arm64.Encoding.bit;
import static nestor.cpu.arm64.Encoding.bits;

/** Data Processing -- Register (§C4.1.94). */
final class DataProcessingRegister {
    private DataProcessingRegister() {}

    static Op decode(int instruction) {
        if (!bit(instruction, 28)) {
            if (!bit(instruction, 24)) {
                return Logical.shiftedRegister(instruction);
            }
            return bit(instruction, 21)
                    ? AddSubtract.extendedRegister(instruction)
                    : AddSubtract.shiftedRegister(instruction);
        }
        if (bit(instruction, 24)) {
            return ThreeSource.decode(instruction);
        }
        return switch (bits(instruction, 23, 21)) {
            // Other values of <15:10> are FEAT_FlagM.
            case 0b000 ->
                    bits(instruction, 15, 10) == 0
                            ? AddSubtract.withCarry(instruction)
                            : Undefined.OP;
            case 0b010 -> Conditional.compare(instruction);
            case 0b100 -> Conditional.select(instruction);
            case 0b110 ->
                    bit(instruction, 30)
                            ? OneSource.decode(instruction)
                            : TwoSource.decode(instruction);
            default -> Undefined.OP;
        };
    }
}
