package nestor.endpoints;

/**
 * The data of the test engine's RAND48 command: a 48-bit linear congruential generator, seeded at
 * the range's first byte and again at each 4 KiB-aligned address with the frame's seed and the
 * address, two steps for each byte.
 */
final class Rand48 {
    static final int PAGE_BYTES = 4096;

    private static final long MULTIPLIER = 0x5_deec_e66dL;
    private static final long INCREMENT = 0xb;
    private static final long MASK_48 = (1L << 48) - 1;
    private static final long MASK_32 = 0xffff_ffffL;
    private static final int SEED_SHIFT = 16;
    private static final long SEED_LOW = 0x330e;
    private static final int DATA_SHIFT = 17;

    private long state;

    private Rand48(long state) {
        this.state = state;
    }

    /**
     * The generator whose next byte belongs to {@code address}.
     *
     * @param seed of the frame
     * @param first the range's first byte, not above {@code address}
     */
    static Rand48 at(int seed, long first, long address) {
        long page = address & -PAGE_BYTES;
        long from = Long.compareUnsigned(page, first) < 0 ? first : page;
        long mixed = (Integer.toUnsignedLong(seed) ^ from >>> 32 ^ from) & MASK_32;
        Rand48 generator = new Rand48(mixed << SEED_SHIFT | SEED_LOW);
        generator.skip(address - from);
        return generator;
    }

    byte nextByte() {
        step();
        byte drawn = (byte) (state >>> DATA_SHIFT);
        // The second step of a draw gives bit 31 only.
        step();
        return drawn;
    }

    private void step() {
        state = state * MULTIPLIER + INCREMENT & MASK_48;
    }

    /** Passes over {@code bytes} draws by squaring the step, which is affine. */
    private void skip(long bytes) {
        long multiplier = MULTIPLIER;
        long increment = INCREMENT;
        for (long steps = 2 * bytes; steps != 0; steps >>>= 1) {
            if ((steps & 1) != 0) {
                state = state * multiplier + increment & MASK_48;
            }
            increment = increment * (multiplier + 1) & MASK_48;
            multiplier = multiplier * multiplier & MASK_48;
        }
    }
}
