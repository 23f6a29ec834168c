package nestor.atc;

/**
 * The page sizes of a multi-level table with 8-byte descriptors: what an ATC needs to know of the
 * tables that a translation agent walks, if it is to hold their leaf sizes only.
 *
 * @param pageSizeBytes the smallest page: a power of two, at least 4096, which ATS cannot undercut
 * @param addressWidth bits of an input address, at most 64: whole levels above the page offset
 */
public record AtcGeometry(long pageSizeBytes, int addressWidth) {
    private static final int DESCRIPTOR_LOG2 = 3;

    public AtcGeometry {
        if (pageSizeBytes < 1L << AtcTable.SMALLEST_LOG2 || Long.bitCount(pageSizeBytes) != 1) {
            throw new IllegalArgumentException("no page size: " + pageSizeBytes);
        }
        int indexed = addressWidth - Long.numberOfTrailingZeros(pageSizeBytes);
        int perLevel = Long.numberOfTrailingZeros(pageSizeBytes) - DESCRIPTOR_LOG2;
        if (addressWidth > Long.SIZE || indexed <= 0 || indexed % perLevel != 0) {
            throw new IllegalArgumentException(
                    addressWidth + " bits are no whole levels of pages of " + pageSizeBytes);
        }
    }

    /** Log2 of the smallest page in bytes. */
    public int pageSizeLog2() {
        return Long.numberOfTrailingZeros(pageSizeBytes);
    }

    /** Address bits that index one table. */
    public int bitsPerLevel() {
        return pageSizeLog2() - DESCRIPTOR_LOG2;
    }

    /** Levels of tables. */
    public int levels() {
        return (addressWidth - pageSizeLog2()) / bitsPerLevel();
    }

    /** The size of a leaf at each level, as {@link AtcOptions#pageSizes} writes them. */
    public long pageSizes() {
        long sizes = 0;
        for (int level = 0; level < levels(); level++) {
            sizes |= 1L << AtcTable.sizeClass(pageSizeLog2() + level * bitsPerLevel());
        }
        return sizes;
    }

    /**
     * How many smallest pages {@code [iova, iova + bytes)} touches, and so how many translations it
     * takes at most.
     *
     * @param bytes unsigned; a range that would pass the end of the address space ends with it
     */
    public long maxPages(long iova, long bytes) {
        if (bytes == 0) {
            return 0;
        }
        long last = iova + (bytes - 1);
        if (Long.compareUnsigned(last, iova) < 0) {
            last = -1;
        }
        return (last >>> pageSizeLog2()) - (iova >>> pageSizeLog2()) + 1;
    }
}
