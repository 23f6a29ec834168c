package nestor.iommu.host;

import java.util.ArrayList;
import java.util.List;
import nestor.iommu.IovaRange;
import org.jspecify.annotations.Nullable;

/** What one PASID of an assigned function is attached to, unless it is blocked. Loop only. */
final class AttachedPasid {
    /** Ranges kept until a flush; more of them are everything. */
    private static final int MAX_RANGES = 64;

    private static final HostInvalidation.VtdRange EVERYTHING =
            new HostInvalidation.VtdRange(IovaRange.ALL, false);

    private final Stage1Intent intent;
    private final @Nullable NestedDomain domain;
    private final List<HostInvalidation.VtdRange> stale = new ArrayList<>();

    /** Set when it was to be blocked and the host would not: whatever comes next tries again. */
    private boolean stuck;

    AttachedPasid(Stage1Intent intent, @Nullable NestedDomain domain) {
        this.intent = intent;
        this.domain = domain;
    }

    Stage1Intent intent() {
        return intent;
    }

    @Nullable NestedDomain domain() {
        return domain;
    }

    boolean isStuck() {
        return stuck;
    }

    void stick() {
        stuck = true;
    }

    /** Translations to be forgotten at the next flush; what is asked for twice is done once. */
    void invalidate(HostInvalidation.VtdRange range) {
        if (domain == null || stale.stream().anyMatch(before -> covers(before, range))) {
            return;
        }
        if (stale.size() >= MAX_RANGES || range.equals(EVERYTHING)) {
            stale.clear();
            stale.add(EVERYTHING);
        } else {
            stale.add(range);
        }
    }

    private static boolean covers(
            HostInvalidation.VtdRange before, HostInvalidation.VtdRange range) {
        return before.range().contains(range.range()) && (!before.leafOnly() || range.leafOnly());
    }

    /**
     * Has the host forget. A range that it refuses keeps it from none of those behind.
     *
     * @param errors what hardware could not do
     * @return false if the host refused any
     */
    boolean flush(List<InvalidationProgress.EntryError> errors) {
        NestedDomain nested = domain;
        List<HostInvalidation.VtdRange> batch = List.copyOf(stale);
        stale.clear();
        boolean done = true;
        while (nested != null && !batch.isEmpty()) {
            try {
                InvalidationProgress progress = nested.invalidate(batch);
                errors.addAll(progress.errors());
                done &= progress.handled() == batch.size();
                batch = batch.subList(Math.min(progress.handled() + 1, batch.size()), batch.size());
            } catch (HostException e) {
                return false;
            }
        }
        return done;
    }
}
