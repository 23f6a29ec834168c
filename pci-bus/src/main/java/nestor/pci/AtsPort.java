package nestor.pci;

/**
 * The three things a device author needs from ATS, PRI and PASID: request translations, be told of
 * invalidations, request pages. Whether the function may do so is read from its capabilities'
 * control registers on every call, as software left them.
 *
 * <p>Any thread, no device lock held.
 */
public interface AtsPort {
    /** {@link #register} for messages of every PASID, and without PASID. */
    int ALL_PASIDS = -2;

    /** Whether Bus Master Enable and ATS Enable are set. */
    boolean atsEnabled();

    /** Log2 in bytes of the Smallest Translation Unit, 12 + STU. */
    int smallestUnitLog2();

    /**
     * Requests translations (PCIe Base §10.2.2) of {@code [iova, iova + bytes)}, as many as one
     * request can ask for.
     *
     * @param requester its RID does not count, the function's own is sent; a PASID, and Privileged
     *     Mode, need their enables
     * @param access what for: without {@link Translation#WRITE} the request says No Write; with
     *     {@link Translation#EXECUTE} it says Execute Requested, which needs its enable
     * @param bytes at least 1
     * @return the agent's completion; UR without sending anything if the function may not ask, and
     *     if ATS was disabled before the completion came; CA if the agent's answer breaks the rules
     *     of {@link AtsCompletion.Entries}
     */
    AtsCompletion requestTranslation(Requester requester, long iova, long bytes, int access);

    /**
     * Registers {@code endpoint} for invalidations and responses of {@code pasid}.
     *
     * <p>An invalidation without PASID, or with Global Invalidate where the function honours it,
     * reaches everybody who is registered; one with a PASID who is registered for that, and, once
     * the function has been given a Global entry, everybody too. It completes when all of them have
     * completed it, at once if there is nobody. A group is answered to who is registered for its
     * PASID, exactly once, maybe before the call that sent its last member returns: by the agent's
     * response, or with Response Failure when the interface is disabled, reset or has failed.
     *
     * @param pasid a PASID, {@link Requester#NO_PASID}, or {@link #ALL_PASIDS}
     * @return closing it unregisters, and says that no access uses a translation any more:
     *     invalidations do not wait for this receiver from then on
     */
    Registration register(int pasid, AtsEndpoint endpoint);

    /** Whether Bus Master Enable and PRI Enable are set, and the interface has not failed. */
    boolean pageRequestsEnabled();

    /**
     * Outstanding Page Request Allocation, at most the capacity: how many requests may wait for
     * responses.
     */
    int pageRequestAllocation();

    /**
     * Requests a page (§10.4); the group is answered through {@link AtsEndpoint#pageResponse}.
     *
     * @param requester as for {@link #requestTranslation}
     * @param access {@link Translation#READ}, {@link Translation#WRITE}, and with READ also {@link
     *     Translation#EXECUTE}; 0 only without PASID and with {@code last}, to end the group
     * @param prgIndex 0..511; one of another PASID's group is busy
     */
    PageRequestOutcome requestPage(
            Requester requester, long iova, int access, int prgIndex, boolean last);

    /** Sends a Stop Marker for the requester's PASID (§10.4.1.2). */
    PageRequestOutcome stopMarker(Requester requester);

    /** What became of a page request at the function itself. */
    enum PageRequestOutcome {
        /** On its way; its group will be answered. */
        SENT,
        /**
         * The function may not: bus mastering, PRI, PASID or a requested mode is not enabled, or
         * the interface has failed; or such a request does not exist.
         */
        NOT_PERMITTED,
        /** The allocation is used up; a response frees some. */
        NO_CREDIT,
        /** The index's group is closed with L, or another PASID's, and not answered yet. */
        GROUP_BUSY
    }

    /** A registration that ends when closed. */
    interface Registration extends AutoCloseable {
        @Override
        void close();
    }
}
