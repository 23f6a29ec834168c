package nestor.atc;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import nestor.pci.AtsEntry;
import nestor.pci.Requester;
import org.jspecify.annotations.Nullable;

/** A cache without a bound as a list, and every invalidation there ever was as another. */
final class NaiveAtc {
    /** An invalidation: of one PASID, or of every space. */
    private record Invalidation(boolean everySpace, int pasid, long first, long last) {
        boolean covers(AtcEntry entry) {
            boolean space =
                    everySpace
                            || entry.pasid() == pasid
                            || pasid != Requester.NO_PASID && isGlobal(entry);
            return space && overlap(entry, first, last);
        }
    }

    private final List<AtcEntry> entries = new ArrayList<>();
    private final List<Invalidation> invalidations = new ArrayList<>();
    private final Set<Integer> started = new HashSet<>(Set.of(Requester.NO_PASID));

    int epoch() {
        return invalidations.size();
    }

    void start(int pasid) {
        started.add(pasid);
    }

    void stop(int pasid) {
        if (pasid != Requester.NO_PASID) {
            started.remove(pasid);
        }
        invalidate(new Invalidation(false, pasid, 0, -1));
    }

    void clear() {
        invalidate(new Invalidation(true, 0, 0, -1));
    }

    void invalidate(boolean everySpace, int pasid, long iova, int sizeLog2) {
        invalidate(new Invalidation(everySpace, pasid, iova, iova + (1L << sizeLog2) - 1));
    }

    private void invalidate(Invalidation invalidation) {
        invalidations.add(invalidation);
        entries.removeIf(invalidation::covers);
    }

    boolean update(AtcEntry entry, int epoch) {
        List<Invalidation> since = invalidations.subList(epoch, invalidations.size());
        if (!started.contains(entry.pasid())
                || since.size() > 64
                || since.stream().anyMatch(i -> i.covers(entry))) {
            return false;
        }
        long last = entry.iovaBase() + (1L << entry.sizeLog2()) - 1;
        entries.removeIf(e -> canMeet(e, entry) && overlap(e, entry.iovaBase(), last));
        long value = entry.translation().value();
        boolean permits = (value & (AtsEntry.READ.mask() | AtsEntry.WRITE.mask())) != 0;
        if (!permits || AtsEntry.PRIVILEGED.isSet(value) != entry.privileged()) {
            return false;
        }
        entries.add(entry);
        return true;
    }

    /** What could answer: never more than one. */
    @Nullable AtcEntry lookup(int pasid, boolean privileged, long iova) {
        AtcEntry found = null;
        for (AtcEntry e : entries) {
            boolean space = e.pasid() == pasid || pasid != Requester.NO_PASID && isGlobal(e);
            if (space && e.privileged() == privileged && overlap(e, iova, iova)) {
                if (found != null) {
                    throw new IllegalStateException("two answers: " + found + ", " + e);
                }
                found = e;
            }
        }
        return found;
    }

    private static boolean canMeet(AtcEntry a, AtcEntry b) {
        boolean bothHavePasids = a.pasid() != Requester.NO_PASID && b.pasid() != Requester.NO_PASID;
        return a.privileged() == b.privileged()
                && (a.pasid() == b.pasid() || bothHavePasids && (isGlobal(a) || isGlobal(b)));
    }

    private static boolean isGlobal(AtcEntry entry) {
        return entry.pasid() != Requester.NO_PASID
                && AtsEntry.GLOBAL.isSet(entry.translation().value());
    }

    private static boolean overlap(AtcEntry entry, long first, long last) {
        long entryLast = entry.iovaBase() + (1L << entry.sizeLog2()) - 1;
        return Long.compareUnsigned(entry.iovaBase(), last) <= 0
                && Long.compareUnsigned(first, entryLast) <= 0;
    }
}
