/** Checks of a host's iommufd. */
@org.jspecify.annotations.NullMarked
module nestor.hostsuite {
    requires transitive nestor.iommufd;

    exports nestor.hostsuite;

    uses nestor.iommufd.HostSystem;
}
