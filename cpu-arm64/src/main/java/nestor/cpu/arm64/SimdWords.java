package nestor.cpu.arm64;

/**
 * All elements of a 64-bit word at once, for the operations that string functions live on; every
 * other operation goes element by element.
 */
final class SimdWords {
    private SimdWords() {}

    /** Three-same operation {@code u:opcode}. */
    static WordFunction threeSame(int u, int opcode, int esize, LaneFunction function) {
        if (esize == 64) {
            return WordFunction.lanes(function, 64);
        }
        long high = Lanes.ones(esize) << (esize - 1);
        return switch (u << 5 | opcode) {
            case 0b0_10000, 0b0_10111 -> (_, _, n, m) -> Lanes.add(n, m, high);
            case 0b1_10000 -> (_, _, n, m) -> Lanes.subtract(n, m, high);
            case 0b0_10001 -> (_, _, n, m) -> ~Lanes.isZero(n & m, high, esize);
            case 0b1_10001 -> (_, _, n, m) -> Lanes.isZero(n ^ m, high, esize);
            case 0b1_00110 -> (_, _, n, m) -> ~Lanes.notBelow(m, n, high, esize);
            case 0b1_00111 -> (_, _, n, m) -> Lanes.notBelow(n, m, high, esize);
            case 0b1_01100, 0b1_10100 ->
                    (_, _, n, m) -> m ^ (n ^ m) & Lanes.notBelow(n, m, high, esize);
            case 0b1_01101, 0b1_10101 ->
                    (_, _, n, m) -> n ^ (n ^ m) & Lanes.notBelow(n, m, high, esize);
            default -> WordFunction.lanes(function, esize);
        };
    }

    /** CMEQ with zero. */
    static WordFunction equalZero(int esize) {
        long high = Lanes.ones(esize) << (esize - 1);
        return esize == 64
                ? (_, _, n, _) -> n == 0 ? -1 : 0
                : (_, _, n, _) -> Lanes.isZero(n, high, esize);
    }

    /** CNT: population count of each byte. */
    static long countBits(Arm64Cpu cpu, long d, long n, long m) {
        long pairs = n - (n >>> 1 & 0x5555_5555_5555_5555L);
        long nibbles = (pairs & 0x3333_3333_3333_3333L) + (pairs >>> 2 & 0x3333_3333_3333_3333L);
        return nibbles + (nibbles >>> 4) & 0x0f0f_0f0f_0f0f_0f0fL;
    }
}
