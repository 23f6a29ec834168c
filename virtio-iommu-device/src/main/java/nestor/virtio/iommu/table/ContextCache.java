package nestor.virtio.iommu.table;

import java.util.concurrent.atomic.AtomicReferenceArray;
import nestor.pci.Requester;
import org.jspecify.annotations.Nullable;

/**
 * Decoded contexts of one domain by PASID: the PASID cache. Filled on first use; only usable
 * contexts are kept. A look-up takes no lock and allocates nothing.
 */
final class ContextCache {
    /** PASIDs that are remembered at a time, a power of two. */
    private static final int SLOTS = 64;

    private record Slot(int pasid, Context context) {}

    private final AtomicReferenceArray<@Nullable Slot> slots = new AtomicReferenceArray<>(SLOTS);
    private final Object lock = new Object();
    private volatile @Nullable Context withoutPasid;
    private volatile long epoch;

    /** The context of a PASID, or of {@link Requester#NO_PASID}; null if it is not cached. */
    @Nullable Context lookup(int pasid) {
        if (pasid == Requester.NO_PASID) {
            return withoutPasid;
        }
        Slot slot = slots.getAcquire(pasid & SLOTS - 1);
        return slot != null && slot.pasid() == pasid ? slot.context() : null;
    }

    /** What to give {@link #insert}; sampled before the tables are read. */
    long epoch() {
        return epoch;
    }

    /** Keeps {@code context}, unless something was dropped since {@code sampled}. */
    void insert(int pasid, long sampled, Context context) {
        synchronized (lock) {
            if (epoch != sampled) {
                return;
            }
            if (pasid == Requester.NO_PASID) {
                withoutPasid = context;
            } else {
                slots.setRelease(pasid & SLOTS - 1, new Slot(pasid, context));
            }
        }
    }

    /** Drops one PASID's; that of requests without PASID with PASID 0, whose descriptor it uses. */
    void drop(int pasid) {
        synchronized (lock) {
            epoch++;
            if (pasid == 0) {
                withoutPasid = null;
            }
            int index = pasid & SLOTS - 1;
            Slot slot = slots.get(index);
            if (slot != null && slot.pasid() == pasid) {
                slots.setRelease(index, null);
            }
        }
    }

    void dropAll() {
        synchronized (lock) {
            epoch++;
            withoutPasid = null;
            for (int index = 0; index < SLOTS; index++) {
                slots.setRelease(index, null);
            }
        }
    }
}
