package nestor.virtio.iommu;

import nestor.iommu.IovaRange;

/**
 * IOVAs that no driver maps, told by PROBE (§5.13.6.8.1).
 *
 * @param subtype what happens to accesses
 * @param range the addresses, whole pages
 */
public record ReservedRegion(Subtype subtype, IovaRange range) {
    /** VIRTIO_IOMMU_RESV_MEM_T_*. */
    public enum Subtype {
        /** Accesses fault, unless the endpoint is in bypass mode. */
        RESERVED(0),
        /** The doorbell of message-signalled interrupts: writes are never translated. */
        MSI(1);

        private final byte value;

        Subtype(int value) {
            this.value = (byte) value;
        }

        byte value() {
            return value;
        }
    }

    public ReservedRegion {
        if (range.equals(IovaRange.ALL)) {
            throw new IllegalArgumentException("nothing is left to map");
        }
    }
}
