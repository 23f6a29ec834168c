package nestor.smmuv3.command;

import nestor.iommu.IovaRange;
import nestor.smmuv3.command.Command.Fields;

/**
 * What a TLB invalidation by address covers (IHI 0070, §4.4.1.1).
 *
 * @param address of the first byte, bits [11:0] zero
 * @param granuleLog2 of TG: 12, 14 or 16; 0 if the command names a single address
 * @param num NUM: one less than the number of pages, in units of 2^scale
 * @param scale SCALE
 * @param ttl TTL, a hint at the level of the leaf
 * @param leaf Leaf: of what is cached of tables above, nothing need be dropped
 */
public record TlbRange(long address, int granuleLog2, int num, int scale, int ttl, boolean leaf) {
    /** TG: none, 4 KiB, 16 KiB, 64 KiB. */
    private static final int[] GRANULES = {0, 12, 14, 16};

    static TlbRange decode(long dw0, long dw1) {
        return new TlbRange(
                Fields.ADDRESS.getInPlace(dw1),
                GRANULES[Fields.TG.getInt(dw1)],
                Fields.NUM.getInt(dw0),
                Fields.SCALE.getInt(dw0),
                Fields.TTL.getInt(dw1),
                Fields.LEAF.isSet(dw1));
    }

    /** A range of one page at no particular level is reserved: CERROR_ILL. */
    public boolean isReserved() {
        return granuleLog2 != 0 && num == 0 && scale == 0 && ttl == 0;
    }

    /**
     * The addresses covered; a leaf is dropped if it holds any of them.
     *
     * @param ranges whether SMMU_IDR3.RIL is set; without it every command is for one address
     */
    public IovaRange range(boolean ranges) {
        if (!ranges || granuleLog2 == 0) {
            return IovaRange.block(address, 12);
        }
        int unitLog2 = granuleLog2 + scale;
        if (unitLog2 > 58) {
            return IovaRange.ALL; // (NUM + 1) << unit does not fit
        }
        long bytes = num + 1L << unitLog2;
        long first = address & -1L << granuleLog2;
        long last = first + bytes - 1;
        return Long.compareUnsigned(last, first) < 0
                ? new IovaRange(first, -1)
                : new IovaRange(first, last);
    }
}
