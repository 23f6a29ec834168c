package nestor.iommu.oracle;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import nestor.iommu.IovaRange;
import org.jspecify.annotations.Nullable;

/** The translations that caches of one IOMMU's domain may hold. The owner's lock guards it. */
final class HeldTranslations {
    /** Translations that are remembered; beyond that, those compared longest ago are forgotten. */
    static final int MAX_HELD = 8192;

    /** Suspects, and others, that one {@link #turn} has. */
    static final int TURN = 64;

    private final Map<Held.Key, Held> held = new LinkedHashMap<>();
    private final Set<Held> suspects = new LinkedHashSet<>();

    /** Those of the suspects that were seen to be stale. */
    private final Set<Held> stale = new LinkedHashSet<>();

    /** Bit n is set once something of 2^(n+1) bytes was held. */
    private long sizes;

    private boolean evicted;

    @Nullable Held find(Held.Key key) {
        return held.get(key);
    }

    List<Held> suspects() {
        return List.copyOf(suspects);
    }

    Set<Held> stale() {
        return stale;
    }

    /** Whether a cache may hold what is not held here. */
    boolean evicted() {
        return evicted;
    }

    void hold(Held entry) {
        if (held.size() >= MAX_HELD) {
            evicted = true;
            Iterator<Held> eldest = held.values().iterator();
            gone(eldest.next());
            eldest.remove();
        }
        held.put(entry.key, entry);
        sizes |= 1L << entry.key.sizeLog2() - 1;
    }

    void forget(Held entry) {
        held.remove(entry.key);
        gone(entry);
    }

    private void gone(Held entry) {
        entry.gone = true;
        suspects.remove(entry);
        stale.remove(entry);
    }

    void clear() {
        held.values().forEach(entry -> entry.gone = true);
        held.clear();
        suspects.clear();
        stale.clear();
    }

    void isStale(Held entry) {
        suspects.add(entry);
        stale.add(entry);
    }

    void agrees(Held entry) {
        entry.agrees();
        suspects.remove(entry);
        stale.remove(entry);
    }

    /** What a command covers is held no more by one cache, and suspect in the other one. */
    void drop(TranslationCache cache, Predicate<Held> covered, IovaRange range, long command) {
        Iterator<Held> all = held.values().iterator();
        while (all.hasNext()) {
            Held entry = all.next();
            if (!covered.test(entry)) {
                continue;
            }
            if (entry.key.cache() == cache) {
                all.remove();
                gone(entry);
            } else {
                entry.coveredBy = command;
                if (!entry.isStale() && !range.contains(entry.iova)) {
                    entry.iova = first(entry.range, range);
                }
                suspects.add(entry);
            }
        }
    }

    /** The first address that both have. */
    private static long first(IovaRange a, IovaRange b) {
        return Long.compareUnsigned(a.first(), b.first()) < 0 ? b.first() : a.first();
    }

    /** News of a range replaces all that the function knew of it (PCIe Base §10.2.3). */
    void replace(Held.Key key) {
        for (long left = sizes & -1L << key.sizeLog2() - 1; left != 0; left &= left - 1) {
            int sizeLog2 = Long.numberOfTrailingZeros(left) + 1;
            long base = IovaRange.block(key.iovaBase(), sizeLog2).first();
            Held same = held.remove(new Held.Key(key.cache(), key.requester(), base, sizeLog2));
            if (same != null) {
                gone(same);
            }
        }
        if ((sizes & (1L << key.sizeLog2() - 1) - 1) != 0) {
            replaceSmaller(key);
        }
    }

    private void replaceSmaller(Held.Key key) {
        IovaRange range = IovaRange.block(key.iovaBase(), key.sizeLog2());
        Iterator<Held> all = held.values().iterator();
        while (all.hasNext()) {
            Held old = all.next();
            if (old.key.cache() == key.cache()
                    && old.key.sizeLog2() < key.sizeLog2()
                    && old.key.requester().equals(key.requester())
                    && old.range.overlaps(range)) {
                all.remove();
                gone(old);
            }
        }
    }

    /** What to compare now: each one's turn comes. */
    List<Held> turn() {
        List<Held> turn = first(suspects);
        for (Held entry : turn) {
            suspects.remove(entry); // the first becomes the last
            suspects.add(entry);
        }
        List<Held> others = first(held.values());
        for (Held entry : others) {
            held.remove(entry.key);
            held.put(entry.key, entry);
        }
        turn.addAll(others);
        return turn;
    }

    private static List<Held> first(Iterable<Held> from) {
        List<Held> first = new ArrayList<>(2 * TURN);
        for (Held entry : from) {
            if (first.size() == TURN) {
                break;
            }
            first.add(entry);
        }
        return first;
    }
}
