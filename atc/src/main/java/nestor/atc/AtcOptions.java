package nestor.atc;

import nestor.pci.AtsEntry;

/**
 * How an {@link Atc} is built.
 *
 * @param capacity entries in all, 0..2^20; 0 is ATS without caching
 * @param ways entries that share a set: at most the capacity, which is a power of two times it
 * @param pageSizes the sizes an entry may have: bit {@code n} is {@code 4 KiB << n}. A completion
 *     of another size is cached as a part of it, of the largest size below
 * @param globalInvalidate whether the function's ATS capability advertises Global Invalidate
 *     Supported; if not, the bit is ignored in requests
 */
public record AtcOptions(int capacity, int ways, long pageSizes, boolean globalInvalidate) {
    /** Every size the S field can code. */
    public static final long ALL_PAGE_SIZES = (1L << AtcTable.SIZES) - 1;

    private static final int MAX_CAPACITY = 1 << 20;

    public AtcOptions {
        if (capacity < 0 || capacity > MAX_CAPACITY) {
            throw new IllegalArgumentException("no such capacity: " + capacity);
        }
        boolean divides = ways >= 1 && capacity % ways == 0;
        if (capacity > 0 && (!divides || Integer.bitCount(capacity / ways) != 1)) {
            throw new IllegalArgumentException(
                    capacity + " entries make no power of two of sets of " + ways);
        }
        if ((pageSizes & ~ALL_PAGE_SIZES) != 0) {
            throw new IllegalArgumentException("no such page sizes: 0x%x".formatted(pageSizes));
        }
    }

    /** One set: any {@code capacity} translations fit. */
    public static AtcOptions fullyAssociative(int capacity) {
        return new AtcOptions(capacity, capacity, ALL_PAGE_SIZES, true);
    }

    /** Sets of {@code ways} entries, by address and size. */
    public static AtcOptions setAssociative(int capacity, int ways) {
        return new AtcOptions(capacity, ways, ALL_PAGE_SIZES, true);
    }

    /** The same, for the page sizes of one table geometry only. */
    public AtcOptions withPageSizesOf(AtcGeometry geometry) {
        return new AtcOptions(capacity, ways, geometry.pageSizes(), globalInvalidate);
    }

    /** The same, for a function that does not advertise Global Invalidate Supported. */
    public AtcOptions withoutGlobalInvalidate() {
        return new AtcOptions(capacity, ways, pageSizes, false);
    }

    /**
     * The part of {@code entry} that holds {@code iova}, of the largest size there is a class for;
     * the entry itself if its own size is one, and if there is no class for it at all.
     */
    AtcEntry fit(AtcEntry entry, long iova) {
        long classes = pageSizes & -1L >>> Long.SIZE - 1 - AtcTable.sizeClass(entry.sizeLog2());
        int sizeLog2 = AtcTable.SMALLEST_LOG2 + Long.SIZE - 1 - Long.numberOfLeadingZeros(classes);
        if (classes == 0 || sizeLog2 == entry.sizeLog2()) {
            return entry;
        }
        long base = AtcEntry.base(iova, sizeLog2);
        long flags = AtcTable.FLAGS.getInPlace(entry.translation().value());
        AtsEntry part = AtsEntry.of(entry.translate(base), sizeLog2, flags);
        return new AtcEntry(entry.pasid(), entry.privileged(), base, sizeLog2, part);
    }

    boolean admits(int sizeLog2) {
        return (pageSizes >>> AtcTable.sizeClass(sizeLog2) & 1) != 0;
    }
}
