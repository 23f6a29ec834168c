package nestor.virtio.iommu;

/** Status of a request, VIRTIO_IOMMU_S_* (§5.13.6). */
enum Status {
    OK(0),
    INVAL(4),
    RANGE(5),
    NOENT(6),
    NOMEM(8);

    private final byte value;

    Status(int value) {
        this.value = (byte) value;
    }

    byte value() {
        return value;
    }
}
