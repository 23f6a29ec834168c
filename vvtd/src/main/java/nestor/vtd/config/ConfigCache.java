package nestor.vtd.config;

import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * The context cache and the PASID cache in one (§6.2.2, §6.2.3): what a request's structures come
 * to, by RID and PASID. Filled on first use with usable configurations only, whatever CAP.CM says.
 * A look-up takes no lock and allocates nothing.
 */
public final class ConfigCache {
    private static final int SLOTS_LOG2 = 10;

    /** An odd number without pattern. */
    private static final int SPREAD = 0x9E37_79B1;

    private final AtomicReferenceArray<@Nullable RequesterConfig> slots =
            new AtomicReferenceArray<>(1 << SLOTS_LOG2);
    private final Object lock = new Object();
    private volatile long epoch;

    private static int slot(int rid, int pasid) {
        return (pasid * SPREAD ^ rid) * SPREAD >>> Integer.SIZE - SLOTS_LOG2;
    }

    /**
     * The configuration of a requester; null if it is not cached.
     *
     * @param pasid or {@link nestor.pci.Requester#NO_PASID}
     */
    public @Nullable RequesterConfig lookup(int rid, int pasid) {
        RequesterConfig config = slots.getAcquire(slot(rid, pasid));
        return config != null && config.rid() == rid && config.requestPasid() == pasid
                ? config
                : null;
    }

    /** What to give {@link #insert}; sampled before the structures are read. */
    public long epoch() {
        return epoch;
    }

    /** Keeps {@code config}, unless something was invalidated since {@code sampled}. */
    public void insert(long sampled, RequesterConfig config) {
        synchronized (lock) {
            if (epoch == sampled) {
                slots.setRelease(slot(config.rid(), config.requestPasid()), config);
            }
        }
    }

    /** Drops every configuration that {@code stale} accepts, a pure function. */
    public void drop(Predicate<RequesterConfig> stale) {
        synchronized (lock) {
            epoch++;
            for (int i = 0; i < slots.length(); i++) {
                RequesterConfig config = slots.get(i);
                if (config != null && stale.test(config)) {
                    slots.setRelease(i, null);
                }
            }
        }
    }
}
