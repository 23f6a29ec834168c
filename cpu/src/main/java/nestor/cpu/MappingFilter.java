package nestor.cpu;

import java.util.Arrays;

/**
 * Which of the guest's mappings a cache may have entries of, by address and size: a Bloom filter,
 * so that the invalidation of one address (TLBI VAE1, INVLPG) is cheap where nothing is held.
 * Forgets only everything. vCPU thread.
 */
final class MappingFilter {
    /** No mapping of the filter holds the address. */
    static final int NONE = 0;

    private static final int BITS_LOG2 = 14;
    private static final int WORD_LOG2 = 6;

    /** 2^64 divided by the golden ratio: spreads over the top bits. */
    private static final long SPREAD = 0x9e37_79b9_7f4a_7c15L;

    /** The top byte of an address may be a tag, which maintenance operations do not name. */
    private static final int TAG_BITS = 8;

    private final long[] bits = new long[1 << (BITS_LOG2 - WORD_LOG2)];

    /** Bit n: a mapping of 2^n bytes was added. */
    private long sizes;

    /** Adds the mapping of 2^{@code sizeLog2} bytes that holds {@code va}. */
    void add(long va, int sizeLog2) {
        int bit = bit(va, sizeLog2);
        bits[bit >>> WORD_LOG2] |= 1L << bit;
        sizes |= 1L << sizeLog2;
    }

    /** log2 of the size of the largest mapping that may hold {@code va}, or {@link #NONE}. */
    int largestHolding(long va) {
        for (long left = sizes; left != 0; left ^= Long.highestOneBit(left)) {
            int sizeLog2 = 63 - Long.numberOfLeadingZeros(left);
            int bit = bit(va, sizeLog2);
            if ((bits[bit >>> WORD_LOG2] >>> bit & 1) != 0) {
                return sizeLog2;
            }
        }
        return NONE;
    }

    /** Forgets everything. */
    void clear() {
        Arrays.fill(bits, 0);
        sizes = 0;
    }

    private static int bit(long va, int sizeLog2) {
        long number = va << TAG_BITS >>> TAG_BITS >>> sizeLog2;
        return (int) ((number * 64 + sizeLog2) * SPREAD >>> (64 - BITS_LOG2));
    }
}
