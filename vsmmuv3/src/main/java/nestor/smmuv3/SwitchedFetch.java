package nestor.smmuv3;

import java.util.function.IntPredicate;
import nestor.pci.Chaos;
import nestor.pci.ChaosKey;
import nestor.vmm.memory.Doublewords;
import nestor.vmm.memory.GuestAccessException;

/** Structures are read as {@code base} does, or torn while {@link ChaosKey#FETCH_TORN} is shown. */
final class SwitchedFetch implements StructureFetch {
    private final StructureFetch base;
    private final Chaos chaos;
    private final StructureFetch torn;

    SwitchedFetch(StructureFetch base, Chaos chaos) {
        this.base = base;
        this.chaos = chaos;
        this.torn = StructureFetch.torn(() -> chaos.strikes(ChaosKey.FETCH_TORN, 2));
    }

    @Override
    public long[] fetch(Doublewords memory, int sid, long gpa) throws GuestAccessException {
        StructureFetch now = chaos.has(ChaosKey.FETCH_TORN) ? torn : base;
        return now.fetch(memory, sid, gpa);
    }

    @Override
    public void invalidate(IntPredicate sids) {
        base.invalidate(sids);
        torn.invalidate(sids);
    }

    @Override
    public boolean caches() {
        return base.caches() && !chaos.has(ChaosKey.FETCH_TORN) && !chaos.has(ChaosKey.CACHE_NONE);
    }
}
