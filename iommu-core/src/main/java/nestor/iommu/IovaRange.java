package nestor.iommu;

/**
 * Addresses {@code first..last}, both inclusive, unsigned: the last byte of the address space can
 * be in a range.
 */
public record IovaRange(long first, long last) {
    /** Every 64-bit address. */
    public static final IovaRange ALL = new IovaRange(0, -1);

    public IovaRange {
        if (Long.compareUnsigned(first, last) > 0) {
            throw new IllegalArgumentException("empty range");
        }
    }

    /**
     * The naturally aligned block of {@code 2^sizeLog2} bytes that holds {@code iova}.
     *
     * @param sizeLog2 0..64
     */
    public static IovaRange block(long iova, int sizeLog2) {
        if (sizeLog2 == 64) {
            return ALL;
        }
        long offset = (1L << sizeLog2) - 1;
        return new IovaRange(iova & ~offset, iova | offset);
    }

    public boolean contains(long iova) {
        return Long.compareUnsigned(iova - first, last - first) <= 0;
    }

    public boolean contains(IovaRange other) {
        return Long.compareUnsigned(first, other.first) <= 0
                && Long.compareUnsigned(other.last, last) <= 0;
    }

    public boolean overlaps(IovaRange other) {
        return Long.compareUnsigned(first, other.last) <= 0
                && Long.compareUnsigned(other.first, last) <= 0;
    }

    /** Whether first byte and end are multiples of {@code granule}, a power of two. */
    public boolean isAligned(long granule) {
        return ((first | last + 1) & granule - 1) == 0;
    }
}
