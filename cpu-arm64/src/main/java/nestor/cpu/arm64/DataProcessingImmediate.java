package nestor.cpu.arm64;

/** Decoder of one encoding group (§C4.1). */
final class DataProcessingImmediate {
    private DataProcessingImmediate() {}

    static Op decode(int instruction, int offset) {
        return Undefined.OP;
    }
}
