package nestor.vtd;

import java.util.ArrayList;
import java.util.List;
import nestor.iommu.IovaRange;
import nestor.iommu.host.HostException;
import nestor.iommu.host.HostInvalidation;
import nestor.iommu.host.NestedDomain;
import nestor.iommu.host.Stage1;
import org.jspecify.annotations.Nullable;

/** One PASID of an assigned function, attached at the host. Loop only. */
final class PasidBinding {
    /** Ranges kept until a flush; more of them are everything. */
    private static final int MAX_RANGES = 64;

    private static final HostInvalidation.VtdRange EVERYTHING =
            new HostInvalidation.VtdRange(IovaRange.ALL, false);

    /**
     * What the guest's structures want for it.
     *
     * @param did of the entry, or {@link #NO_DID}
     * @param pasid whose entry it is
     * @param passes whether requests pass untranslated
     * @param stage1 the guest's tables; null if there are none to walk
     */
    record Intent(int did, int pasid, boolean passes, Stage1.@Nullable VtdFirstStage stage1) {
        private static final int NO_DID = -1;

        /** Nothing is let through: the state of what has never been mentioned. */
        static final Intent BLOCKED = new Intent(NO_DID, 0, false, null);

        /** The unit is off. */
        static final Intent UNTRANSLATED = new Intent(NO_DID, 0, true, null);

        static Intent nested(int did, int pasid, Stage1.VtdFirstStage stage1) {
            return new Intent(did, pasid, false, stage1);
        }

        static Intent bypass(int did, int pasid) {
            return new Intent(did, pasid, true, null);
        }

        boolean isBlocked() {
            return !passes && stage1 == null;
        }

        boolean isOf(int domain, int entry) {
            return did == domain && pasid == entry;
        }
    }

    private final Intent intent;
    private final @Nullable NestedDomain domain;
    private List<HostInvalidation.VtdRange> stale = new ArrayList<>();

    PasidBinding(Intent intent, @Nullable NestedDomain domain) {
        this.intent = intent;
        this.domain = domain;
    }

    Intent intent() {
        return intent;
    }

    @Nullable NestedDomain domain() {
        return domain;
    }

    /** The same attachment under another domain identifier. */
    PasidBinding as(Intent now) {
        PasidBinding same = new PasidBinding(now, domain);
        same.stale = stale;
        return same;
    }

    void invalidate(IovaRange range, boolean leafOnly) {
        if (domain == null || stale.size() == 1 && stale.getFirst().equals(EVERYTHING)) {
            return;
        }
        if (stale.size() >= MAX_RANGES || range.equals(IovaRange.ALL)) {
            stale.clear();
            stale.add(EVERYTHING);
        } else {
            stale.add(new HostInvalidation.VtdRange(range, leafOnly));
        }
    }

    /** False if the host would not. */
    boolean flush() {
        if (domain == null || stale.isEmpty()) {
            return true;
        }
        List<HostInvalidation.VtdRange> batch = List.copyOf(stale);
        stale.clear();
        try {
            return domain.invalidate(batch) == batch.size();
        } catch (HostException e) {
            return false;
        }
    }
}
