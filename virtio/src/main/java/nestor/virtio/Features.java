package nestor.virtio;

/** Feature bits that belong to no device type (virtio 1.3 chapter 6), as masks. */
public final class Features {
    /** VIRTIO_F_INDIRECT_DESC. */
    public static final long INDIRECT_DESC = 1L << 28;

    /** VIRTIO_F_EVENT_IDX. */
    public static final long EVENT_IDX = 1L << 29;

    /** VIRTIO_F_VERSION_1. */
    public static final long VERSION_1 = 1L << 32;

    /** VIRTIO_F_ACCESS_PLATFORM. */
    public static final long ACCESS_PLATFORM = 1L << 33;

    private Features() {}
}
