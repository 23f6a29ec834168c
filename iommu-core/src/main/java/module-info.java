/** What the IOMMU models share. */
@org.jspecify.annotations.NullMarked
module nestor.iommu {
    requires transitive nestor.pci;
    requires transitive nestor.paging;
    requires jdk.jfr;

    exports nestor.iommu;
    exports nestor.iommu.format;
    exports nestor.iommu.host;
    exports nestor.iommu.oracle;
    exports nestor.iommu.walk;
}
