/** The virtio-iommu device. */
@org.jspecify.annotations.NullMarked
module nestor.virtio.iommu {
    requires transitive nestor.iommu;
    requires transitive nestor.virtio;
    requires jdk.jfr;

    exports nestor.virtio.iommu;
}
