/** A host with devices to assign, in Java. */
@org.jspecify.annotations.NullMarked
module nestor.host.sim {
    requires transitive nestor.iommufd;

    exports nestor.host.sim;
}
