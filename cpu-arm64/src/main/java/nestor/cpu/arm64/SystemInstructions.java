package nestor.cpu.arm64;

/** Exception generation and system instructions (§C4.1.66). */
final class SystemInstructions {
    private SystemInstructions() {}

    static Op decode(int instruction, int offset) {
        return Undefined.OP;
    }
}
