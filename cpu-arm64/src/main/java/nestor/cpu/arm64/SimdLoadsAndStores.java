package nestor.cpu.arm64;

/** Decoder of one encoding group (§C4.1). */
final class SimdLoadsAndStores {
    private SimdLoadsAndStores() {}

    static Op decode(int instruction, int offset) {
        return Undefined.OP;
    }
}
