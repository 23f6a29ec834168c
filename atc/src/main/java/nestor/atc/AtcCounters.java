package nestor.atc;

import java.util.concurrent.atomic.LongAdder;

/** The counters behind {@link AtcStatistics}. */
final class AtcCounters {
    final LongAdder hits = new LongAdder();
    final LongAdder misses = new LongAdder();
    final LongAdder permissionMisses = new LongAdder();
    final LongAdder requests = new LongAdder();
    final LongAdder staleDrops = new LongAdder();
    final LongAdder evictions = new LongAdder();
    private final LongAdder pasidRangeInvalidations = new LongAdder();
    private final LongAdder pasidInvalidations = new LongAdder();
    private final LongAdder rangeInvalidations = new LongAdder();
    private final LongAdder functionInvalidations = new LongAdder();

    /** Counts an invalidation by its scope: an address range or all, one PASID or all. */
    void invalidation(int pasid, int sizeLog2) {
        boolean all = sizeLog2 == Long.SIZE;
        if (pasid == InvalidationLog.EVERY_SPACE) {
            (all ? functionInvalidations : rangeInvalidations).increment();
        } else {
            (all ? pasidInvalidations : pasidRangeInvalidations).increment();
        }
    }

    AtcStatistics snapshot() {
        return new AtcStatistics(
                hits.sum(),
                misses.sum(),
                permissionMisses.sum(),
                requests.sum(),
                staleDrops.sum(),
                evictions.sum(),
                pasidRangeInvalidations.sum(),
                pasidInvalidations.sum(),
                rangeInvalidations.sum(),
                functionInvalidations.sum());
    }
}
