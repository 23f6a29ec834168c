package nestor.pci;

/**
 * Who receives the ATS and PRI messages of a function: usually its Address Translation Cache.
 *
 * <p>Called on the translation agent's loop or a vCPU's thread, with no lock held; must not wait,
 * and forward progress of an invalidation must not depend on the function's own requests being
 * served (PCIe Base §10.3.3).
 */
public interface AtsEndpoint {
    /**
     * An Invalidate Request (§10.3): no new access may use a translation it covers; {@code
     * complete} is run, once and on any thread, when every access that already uses one is done.
     */
    void invalidate(InvalidateRequest request, Runnable complete);

    /**
     * A PRG Response (§10.4.2). A receiver that a function has registered is told the end of each
     * of the groups of its PASID once, with that PASID and code 0, 1 or 15; the function's own
     * endpoint takes whatever comes, in any state.
     */
    void pageResponse(PageResponse response);

    /**
     * ATS was disabled, or the function reset (§10.5.1.3): every cached translation, and every
     * completion still under way, is void.
     */
    void disabled();
}
