/** Linux as host: KVM, iommufd, VFIO. The only module that sees a file descriptor. */
@org.jspecify.annotations.NullMarked
module nestor.host {
    requires transitive nestor.iommu;
    requires transitive nestor.iommufd;
    requires org.jnrproject.ffi;

    exports nestor.host;
    exports nestor.host.iommufd;
    exports nestor.host.kvm;

    provides nestor.iommufd.HostSystem with
            nestor.host.iommufd.LinuxHostSystem;
}
