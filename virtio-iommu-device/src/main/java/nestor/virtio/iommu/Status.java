package nestor.virtio.iommu;

import nestor.virtio.iommu.table.TableDescriptor;

/** Status of a request, VIRTIO_IOMMU_S_* (§5.13.6). */
enum Status {
    OK(0),
    UNSUPP(2),
    DEVERR(3),
    INVAL(4),
    RANGE(5),
    NOENT(6),
    FAULT(7),
    NOMEM(8);

    private final byte value;

    Status(int value) {
        this.value = (byte) value;
    }

    byte value() {
        return value;
    }

    static Status of(TableDescriptor.Flaw flaw) {
        return switch (flaw) {
            case INVALID -> INVAL;
            case RANGE -> RANGE;
            case FAULT -> FAULT;
        };
    }
}
