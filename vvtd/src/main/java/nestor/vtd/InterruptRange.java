package nestor.vtd;

import nestor.pci.Translation;

/**
 * Addresses FEEx_xxxxh (§3.14): there, untranslated requests without PASID are interrupts in every
 * mode, and no translation leads there. Beside it, what passes untranslated does so in blocks that
 * leave the range out.
 */
final class InterruptRange {
    private static final long BASE = 0xfee0_0000L;
    private static final int SIZE_LOG2 = 20;

    /** A message on its way to whoever takes interrupts. */
    static final Translation.Mapping MESSAGE =
            new Translation.Mapping(BASE, SIZE_LOG2, BASE, Translation.WRITE);

    private static final int ALL_ACCESS =
            Translation.READ | Translation.WRITE | Translation.EXECUTE;

    /** Identity blocks by the highest bit in which they differ from the range. */
    private static final Translation.Mapping[] BESIDE = beside();

    private InterruptRange() {}

    private static Translation.Mapping[] beside() {
        Translation.Mapping[] blocks = new Translation.Mapping[Long.SIZE];
        for (int sizeLog2 = SIZE_LOG2; sizeLog2 < Long.SIZE; sizeLog2++) {
            long base = (BASE ^ 1L << sizeLog2) & -1L << sizeLog2;
            blocks[sizeLog2] = new Translation.Mapping(base, sizeLog2, base, ALL_ACCESS);
        }
        return blocks;
    }

    static boolean contains(long address) {
        return (address ^ BASE) >>> SIZE_LOG2 == 0;
    }

    /** What is left of the addresses from one to another, if the range begins or ends between. */
    static long clip(long first, long last) {
        long before = BASE - 1;
        long end = BASE | (1L << SIZE_LOG2) - 1;
        long edge = Long.compareUnsigned(first, before) <= 0 ? before : end;
        boolean between =
                Long.compareUnsigned(first, edge) <= 0 && Long.compareUnsigned(edge, last) < 0;
        return between ? edge : last;
    }

    /** Whether a block of {@code 2^sizeLog2} bytes at {@code base} and the range overlap. */
    static boolean overlaps(long base, int sizeLog2) {
        return (base ^ BASE) >>> Math.max(sizeLog2, SIZE_LOG2) == 0;
    }

    /** The identity of {@code address}, which is not in the range. */
    static Translation.Mapping identity(long address) {
        return BESIDE[Long.SIZE - 1 - Long.numberOfLeadingZeros(address ^ BASE)];
    }
}
