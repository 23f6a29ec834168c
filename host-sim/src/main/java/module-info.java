/** A host with devices to assign, in Java. */
@org.jspecify.annotations.NullMarked
module nestor.hostsim {
    requires transitive nestor.iommufd;

    exports nestor.hostsim;
}
