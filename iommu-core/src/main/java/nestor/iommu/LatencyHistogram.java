package nestor.iommu;

/**
 * Counts durations by magnitude: bucket n has those of {@code 2^n} to {@code 2^(n+1) - 1}
 * nanoseconds, bucket 0 also those of 0. Not thread-safe.
 */
final class LatencyHistogram {
    static final int BUCKETS = Long.SIZE - 1;

    private final long[] counts = new long[BUCKETS];

    /**
     * Counts a duration.
     *
     * @param nanos 0 or more
     * @return its bucket
     */
    int record(long nanos) {
        int bucket = bucket(nanos);
        counts[bucket]++;
        return bucket;
    }

    static int bucket(long nanos) {
        return Long.SIZE - 1 - Long.numberOfLeadingZeros(Math.max(nanos, 1));
    }

    long count(int bucket) {
        return counts[bucket];
    }

    long[] snapshot() {
        return counts.clone();
    }
}
