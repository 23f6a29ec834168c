/** The virtio-iommu device. */
@org.jspecify.annotations.NullMarked
module nestor.virtio.iommu {
    requires transitive nestor.iommu;
    requires transitive nestor.virtio;

    exports nestor.virtio.iommu;

    provides nestor.vmm.trace.TracePoints with
            nestor.virtio.iommu.VirtioIommuTrace;
}
