package nestor.cpu.arm64;

/** Decoder of branches, exception generation and system instructions (§C4.1.66). */
final class BranchesAndSystem {
    private static final int ERET = 0xd69f_03e0;

    private BranchesAndSystem() {}

    static Op decode(int instruction, int offset) {
        return instruction >>> 25 == 0b1101_010 || instruction == ERET
                ? SystemInstructions.decode(instruction, offset)
                : Undefined.OP;
    }
}
