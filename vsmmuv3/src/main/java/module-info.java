/** Arm SMMUv3. */
@org.jspecify.annotations.NullMarked
module nestor.smmuv3 {
    requires transitive nestor.iommu;

    exports nestor.smmuv3;
}
