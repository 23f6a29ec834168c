package nestor.cpu.x86;

/** The three-byte opcode maps, 0F 38 and 0F 3A (2D, tables ). */
final class ThreeByteOpcodes {
    private ThreeByteOpcodes() {}

    static Op decode(Instruction in) throws Instruction.Truncated {
        boolean map38 = in.opcode == 0x38;
        in.opcode = in.nextByte();
        if (!map38) {
            return Undefined.OP;
        }
        return switch (in.opcode) {
            case 0xf0, 0xf1 -> Moves.movbe(in);
            default -> Undefined.OP;
        };
    }
}
