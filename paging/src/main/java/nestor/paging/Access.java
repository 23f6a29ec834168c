package nestor.paging;

/**
 * What a walk is for. Made once per kind of access and reused.
 *
 * @param needed a set of {@link Permissions}; the walk faults unless all are granted
 * @param wanted a set of {@link Permissions} that holds {@code needed}: if a write among them is
 *     granted, hardware that tracks dirty state marks the leaf dirty
 * @param updates whether the walk may write descriptors at all
 */
public record Access(int needed, int wanted, boolean updates) {
    public Access {
        if (!Permissions.allow(wanted, needed)) {
            throw new IllegalArgumentException("an access wants what it needs");
        }
    }

    /** An access that happens if all of {@code needed} is granted. */
    public static Access of(int needed) {
        return new Access(needed, needed, true);
    }

    /**
     * A request that takes what it gets of {@code wanted}, and never meets a permission fault: an
     * ATS translation request. One with the No Write flag leaves the writes out of {@code wanted},
     * and so leaves the page clean.
     */
    public static Access upTo(int wanted) {
        return new Access(0, wanted, true);
    }

    /**
     * A look that leaves no trace in memory: for a debugger. Its mapping must not be cached, since
     * an access flag that hardware would have to set may still be clear.
     */
    public static Access probe(int needed) {
        return new Access(needed, needed, false);
    }
}
