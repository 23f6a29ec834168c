package nestor.virtio.iommu;

/** Feature bits of the device type (§5.13.3), as masks. BYPASS (3) gave way to BYPASS_CONFIG. */
final class Feature {
    static final long INPUT_RANGE = 1L << 0;
    static final long DOMAIN_RANGE = 1L << 1;
    static final long MAP_UNMAP = 1L << 2;
    static final long PROBE = 1L << 4;
    static final long MMIO = 1L << 5;
    static final long BYPASS_CONFIG = 1L << 6;

    static final long SPECIFIED =
            INPUT_RANGE | DOMAIN_RANGE | MAP_UNMAP | PROBE | MMIO | BYPASS_CONFIG;

    private Feature() {}
}
