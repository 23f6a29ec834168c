package nestor.endpoints.dsa;

import nestor.pci.Requester;

/**
 * A descriptor that was accepted.
 *
 * @param workQueue that accepted it
 * @param config of the work queue then
 * @param descriptor as written
 * @param requester who its accesses are made for
 * @param portal it came by
 * @param sequence counts what the device has accepted
 * @param generation counts the resets of the function before
 */
record Submission(
        WorkQueue workQueue,
        WqConfig config,
        Descriptor descriptor,
        Requester requester,
        Portal portal,
        long sequence,
        int generation) {
    /** The pages of a portal, in address order (§5); those for IMS have no use without it. */
    enum Portal {
        UNLIMITED,
        LIMITED,
        UNLIMITED_IMS,
        LIMITED_IMS;

        boolean isIms() {
            return this == UNLIMITED_IMS || this == LIMITED_IMS;
        }
    }

    /** Who a descriptor acts for: its work queue says, or it says so itself (§5.1). */
    static Requester requester(int rid, Descriptor descriptor, WqConfig config) {
        if (!config.pasidEnabled()) {
            return Requester.withoutPasid(rid);
        }
        return config.isShared()
                ? new Requester(rid, descriptor.pasid(), descriptor.privileged())
                : new Requester(rid, config.pasid(), config.privileged());
    }

    /**
     * What a drain descriptor waits for: the work queue's earlier descriptors; in a shared one,
     * those of its own PASID, for it is nobody's business what others wait for.
     */
    Scope drained() {
        int pasid = config.isShared() ? requester.pasid() : Scope.EVERY_PASID;
        return new Scope(1L << workQueue.index, pasid, sequence);
    }

    /** Whether the descriptor claims a privilege that its work queue does not give. */
    boolean exceedsPrivilege() {
        return requester.privileged() && !config.privileged();
    }
}
