package nestor.atc;

import nestor.pci.Requester;

/**
 * The latest invalidations, so that a completion that was under way when one arrived is not cached
 * (PCIe Base §10.3.3). What counts is the range of the completion, not of the request: a request
 * for one page may be answered with a superpage that another page's invalidation has made stale.
 *
 * <p>Guarded by the cache's lock, except {@link #epoch}.
 */
final class InvalidationLog {
    /** A PASID filter that no space escapes. */
    static final int EVERY_SPACE = -2;

    /** Whoever is overtaken by more than these counts as overtaken in every address. */
    private static final int LENGTH = 64;

    private final int[] pasids = new int[LENGTH];
    private final long[] iovas = new long[LENGTH];
    private final int[] sizeLog2s = new int[LENGTH];
    private volatile long epoch;

    /** How many invalidations there have been. Any thread. */
    long epoch() {
        return epoch;
    }

    void add(int pasid, long iova, int sizeLog2) {
        long number = epoch;
        int at = (int) (number % LENGTH);
        pasids[at] = pasid;
        iovas[at] = iova;
        sizeLog2s[at] = sizeLog2;
        epoch = number + 1;
    }

    /** Whether an invalidation that covers the entry came after {@code since}. */
    boolean overtook(AtcEntry entry, long since) {
        if (epoch - since > LENGTH) {
            return true;
        }
        for (long n = since; n < epoch; n++) {
            int at = (int) (n % LENGTH);
            if (covers(pasids[at], entry) && entry.overlaps(iovas[at], sizeLog2s[at])) {
                return true;
            }
        }
        return false;
    }

    /**
     * Whether an invalidation of {@code pasid} is meant for the entry's space; one with a PASID
     * hits the global entries that PASID could have used.
     */
    static boolean covers(int pasid, AtcEntry entry) {
        return pasid == EVERY_SPACE
                || pasid == entry.pasid()
                || pasid != Requester.NO_PASID && entry.global();
    }
}
