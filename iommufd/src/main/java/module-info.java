/** The kernel's iommufd and VFIO interfaces, and assigned devices over them. */
@org.jspecify.annotations.NullMarked
module nestor.iommufd {
    requires transitive nestor.iommu;

    exports nestor.iommufd;
}
