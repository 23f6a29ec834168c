package nestor.endpoints.dsa;

/**
 * Which descriptors a drain or an abort is about.
 *
 * @param workQueues a bit for each
 * @param pasid that of the descriptors, or {@link #EVERY_PASID}
 * @param before only those with a lower sequence number
 */
record Scope(long workQueues, int pasid, long before) {
    static final int EVERY_PASID = -2;

    static Scope everything() {
        return new Scope(-1L, EVERY_PASID, Long.MAX_VALUE);
    }

    boolean includes(Submission submission) {
        return (workQueues >>> submission.workQueue().index & 1) != 0
                && (pasid == EVERY_PASID || pasid == submission.requester().pasid())
                && submission.sequence() < before;
    }
}
