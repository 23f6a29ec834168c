/** Arm SMMUv3. */
@org.jspecify.annotations.NullMarked
module nestor.smmuv3 {
    requires transitive nestor.iommu;

    exports nestor.smmuv3;

    provides nestor.vmm.trace.TracePoints with
            nestor.smmuv3.SmmuTrace;
}
