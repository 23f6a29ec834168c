package nestor.virtio.iommu;

/**
 * What applying a request came to.
 *
 * @param status to reply
 * @param revokes whether access was taken away: the reply waits for DMAs under way, and for the
 *     endpoints that were told
 */
record Outcome(Status status, boolean revokes) {
    static final Outcome DONE = new Outcome(Status.OK, false);
    static final Outcome REVOKED = new Outcome(Status.OK, true);

    static Outcome failed(Status status) {
        return new Outcome(status, false);
    }
}
