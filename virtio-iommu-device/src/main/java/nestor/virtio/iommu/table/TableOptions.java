package nestor.virtio.iommu.table;

/**
 * What guests' tables may look like.
 *
 * @param outputBits bits of a guest-physical address, 32..48
 * @param pasidBits bits of a PASID, 1..20
 */
public record TableOptions(int outputBits, int pasidBits) {
    /** ASIDs of Arm tables. */
    public static final int ASID_BITS = 16;

    /** 48-bit addresses, all PASIDs. */
    public static final TableOptions WHOLE = new TableOptions(48, 20);

    public TableOptions {
        if (outputBits < 32 || outputBits > 48 || pasidBits < 1 || pasidBits > 20) {
            throw new IllegalArgumentException("no such width of addresses or PASIDs");
        }
    }

    /** Whether {@code pasid}, unsigned, is one. */
    public boolean hasPasid(int pasid) {
        return pasid >>> pasidBits == 0;
    }
}
