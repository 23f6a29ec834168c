package nestor.pci;

import java.util.EnumMap;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;

/**
 * Which unusual behaviours one device or IOMMU shows, and the seed that decides when. The same
 * seed, asked the same questions in the same order, decides the same.
 *
 * <p>Asked off the hit path only: for messages, misses, faults and invalidations. Any thread.
 */
public final class Chaos {
    private volatile Set<ChaosKey> keys = Set.of();
    private volatile Runnable changed = () -> {};

    private final Object lock = new Object();
    private long seed;
    private SplittableRandom random = new SplittableRandom(0);
    private final Map<ChaosKey, Long> strikes = new EnumMap<>(ChaosKey.class);

    /** Until when a key rests that has struck. */
    private final Map<ChaosKey, Long> calmNanos = new EnumMap<>(ChaosKey.class);

    /** Runs {@code listener} after each change of the keys, on the thread that changes them. */
    public void onChange(Runnable listener) {
        changed = listener;
    }

    /** Shows {@code shown} from now on, and nothing else. */
    public void set(Set<ChaosKey> shown, long newSeed) {
        synchronized (lock) {
            seed = newSeed;
            random = new SplittableRandom(newSeed);
            keys = Set.copyOf(shown);
            calmNanos.clear();
        }
        changed.run();
    }

    /** What is shown. */
    public Set<ChaosKey> keys() {
        return keys;
    }

    public long seed() {
        synchronized (lock) {
            return seed;
        }
    }

    public boolean has(ChaosKey key) {
        return keys.contains(key);
    }

    /** Whether {@code key} is shown and strikes now, once in {@code n} times. Counts it. */
    public boolean strikes(ChaosKey key, int n) {
        if (!has(key)) {
            return false;
        }
        synchronized (lock) {
            if (random.nextInt(n) != 0) {
                return false;
            }
            strikes.merge(key, 1L, Long::sum);
            return true;
        }
    }

    /**
     * As {@link #strikes}; having struck, the key rests, as software gets no further that meets
     * nothing else.
     *
     * @param nowNanos of the machine's clock
     */
    public boolean strikesThenRests(ChaosKey key, int n, long nowNanos, long restNanos) {
        synchronized (lock) {
            if (rests(key, nowNanos) || !strikes(key, n)) {
                return false;
            }
            calmNanos.put(key, nowNanos + restNanos);
            return true;
        }
    }

    /** Whether {@code key} has struck and rests. */
    public boolean rests(ChaosKey key, long nowNanos) {
        synchronized (lock) {
            Long calm = calmNanos.get(key);
            return calm != null && nowNanos - calm < 0;
        }
    }

    /** As {@link #strikes}; having struck, the key is shown no more. */
    boolean strikesOnce(ChaosKey key, int n) {
        if (!has(key)) {
            return false;
        }
        synchronized (lock) {
            if (!has(key) || !strikes(key, n)) {
                return false;
            }
            EnumSet<ChaosKey> left = EnumSet.copyOf(keys);
            left.remove(key);
            keys = Set.copyOf(left);
            return true;
        }
    }

    /** A number in {@code 0 .. bound-1}. */
    public long below(long bound) {
        synchronized (lock) {
            return random.nextLong(bound);
        }
    }

    /** How often each key has struck. */
    public Map<ChaosKey, Long> counts() {
        synchronized (lock) {
            return Map.copyOf(strikes);
        }
    }
}
