/** Intel VT-d. */
@org.jspecify.annotations.NullMarked
module nestor.vtd {
    requires transitive nestor.iommu;

    exports nestor.vtd;

    provides nestor.vmm.trace.TracePoints with
            nestor.vtd.VtdTrace;
}
