package nestor.iommu;

/**
 * A set of IOTLB tags: those that equal {@code value} wherever {@code mask} has ones. A model that
 * packs VMID and ASID into a tag says "this VMID, any ASID" by a mask over the VMID's bits.
 */
public record Tags(long value, long mask) {
    /** Every tag. */
    public static final Tags ALL = new Tags(0, 0);

    public Tags {
        value &= mask;
    }

    /** One tag alone. */
    public static Tags only(long tag) {
        return new Tags(tag, -1);
    }

    public boolean matches(long tag) {
        return (tag & mask) == value;
    }

    boolean isOne() {
        return mask == -1;
    }
}
