/** What tests of the models share; no product module depends on it. */
@org.jspecify.annotations.NullMarked
module nestor.testkit {
    requires transitive nestor.atc;
    requires transitive nestor.hostsim;
    requires transitive nestor.iommu;

    exports nestor.testkit;
}
