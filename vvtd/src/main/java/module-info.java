/** Intel VT-d. */
@org.jspecify.annotations.NullMarked
module nestor.vtd {
    requires transitive nestor.iommu;

    exports nestor.vtd;
}
