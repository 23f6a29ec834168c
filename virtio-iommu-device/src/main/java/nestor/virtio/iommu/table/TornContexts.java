package nestor.virtio.iommu.table;

import nestor.iommu.TornWords;
import nestor.iommu.format.ContextDescriptor;
import nestor.pci.Chaos;
import nestor.pci.ChaosKey;
import nestor.vmm.memory.Doublewords;
import nestor.vmm.memory.GuestAccessException;

/**
 * Context descriptors, each doubleword of which may be as old as the last INVALIDATE of its context
 * while {@link ChaosKey#FETCH_TORN} is shown (IHI 0070, §3.21.3). Any thread.
 */
final class TornContexts implements ContextReader.Fetch {
    private final Doublewords memory;
    private final Chaos chaos;
    private final TornWords seen;

    TornContexts(Doublewords memory, Chaos chaos) {
        this.memory = memory;
        this.chaos = chaos;
        this.seen = new TornWords(1, () -> chaos.strikes(ChaosKey.FETCH_TORN, 2));
    }

    @Override
    public ContextDescriptor descriptor(int index, long gpa) throws GuestAccessException {
        if (!chaos.has(ChaosKey.FETCH_TORN)) {
            return ContextDescriptor.read(memory, gpa);
        }
        long[] words = seen.fetch(index, gpa, () -> words(gpa));
        return ContextDescriptor.decode(words[0], words[1], words[2], words[3]);
    }

    private long[] words(long gpa) throws GuestAccessException {
        return new long[] {
            memory.getLongLe(gpa),
            memory.getLongLe(gpa + 8),
            memory.getLongLe(gpa + 16),
            memory.getLongLe(gpa + 24)
        };
    }

    /** Whether contexts may be kept until they are invalidated. */
    boolean caches() {
        return !chaos.has(ChaosKey.FETCH_TORN) && !chaos.has(ChaosKey.CACHE_NONE);
    }

    /** The next fetch of this descriptor sees what is there then. */
    void drop(int index) {
        seen.invalidate(owner -> owner == index);
    }

    void dropAll() {
        seen.invalidate(_ -> true);
    }
}
