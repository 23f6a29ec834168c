package nestor.vtd;

import nestor.iommu.TornWords;
import nestor.iommu.format.PasidEntry;
import nestor.pci.Chaos;
import nestor.pci.ChaosKey;
import nestor.vmm.memory.Doublewords;
import nestor.vmm.memory.GuestAccessException;
import nestor.vtd.config.PasidEntryFetch;

/**
 * PASID-table entries, read in pieces of 16 bytes of which each may be as old as the last
 * invalidation while {@link ChaosKey#FETCH_TORN} is shown.
 */
final class TornFetch implements PasidEntryFetch {
    private static final int GRANULE_WORDS = 2;

    private final Chaos chaos;
    private final TornWords seen;

    TornFetch(Chaos chaos) {
        this.chaos = chaos;
        this.seen = new TornWords(GRANULE_WORDS, () -> chaos.strikes(ChaosKey.FETCH_TORN, 2));
    }

    @Override
    public long[] words(Doublewords memory, int rid, long gpa) throws GuestAccessException {
        return chaos.has(ChaosKey.FETCH_TORN)
                ? seen.fetch(rid, gpa, () -> PasidEntry.words(memory, gpa))
                : PasidEntry.words(memory, gpa);
    }

    /** Whatever was invalidated: every entry is read as it is then. */
    void invalidate() {
        seen.invalidate(_ -> true);
    }

    /** Whether what comes of entries may be kept. */
    boolean caches() {
        return !chaos.has(ChaosKey.FETCH_TORN) && !chaos.has(ChaosKey.CACHE_NONE);
    }
}
