package nestor.iommu.host;

/** Where a model takes the fault events of assigned functions. Any thread. */
@FunctionalInterface
public interface HostEvents {
    /** For a model whose host reports none: VT-d. */
    HostEvents NONE = (_, _) -> {};

    /**
     * A request of {@code rid} was aborted.
     *
     * @param event with the guest's StreamID, which is {@code rid}
     */
    void fault(int rid, HostReports.SmmuV3Event event);
}
