package nestor.iommu;

import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.BooleanSupplier;
import java.util.function.IntPredicate;
import nestor.vmm.memory.GuestAccessException;

/**
 * Structures in memory as they were first seen since they were invalidated. Whoever reads one again
 * may get parts of that, as hardware may have cached them: what an architecture allows that
 * promises no more than that a granule is read in one piece. Any thread.
 */
public final class TornWords {
    private static final int MAX_STRUCTURES = 1024;

    private static final class Seen {
        final int owner;
        final long[] words;

        Seen(int owner, long[] words) {
            this.owner = owner;
            this.words = words;
        }
    }

    private final int granuleWords;
    private final BooleanSupplier old;
    private final Map<Long, Seen> structures = new LinkedHashMap<>();
    private long epoch;

    /** Reads a structure as it is now. */
    @FunctionalInterface
    public interface Words {
        long[] read() throws GuestAccessException;
    }

    /**
     * Nothing has been seen yet.
     *
     * @param granuleWords 8-byte words that are read in one piece
     * @param old decides for each granule whether it is an old one
     */
    public TornWords(int granuleWords, BooleanSupplier old) {
        this.granuleWords = granuleWords;
        this.old = old;
    }

    /**
     * What a fetch gets.
     *
     * @param owner whose structure it is, as {@link #invalidate} calls him
     * @param structure is read once
     */
    public long[] fetch(int owner, long gpa, Words structure) throws GuestAccessException {
        long sampled = epoch();
        long[] now = structure.read();
        synchronized (this) {
            Seen seen = structures.get(gpa);
            if (seen != null && seen.owner == owner) {
                mix(seen.words, now);
            } else if (epoch == sampled) { // else it may be from before an invalidation
                makeRoom();
                structures.put(gpa, new Seen(owner, now.clone()));
            }
        }
        return now;
    }

    private synchronized long epoch() {
        return epoch;
    }

    private void mix(long[] seen, long[] now) {
        for (int first = 0; first < now.length; first += granuleWords) {
            if (old.getAsBoolean()) {
                System.arraycopy(seen, first, now, first, granuleWords);
            }
        }
    }

    private void makeRoom() {
        if (structures.size() >= MAX_STRUCTURES) {
            Iterator<Long> oldest = structures.keySet().iterator();
            oldest.next();
            oldest.remove();
        }
    }

    /** Structures of these owners were invalidated: the next fetch sees what is there then. */
    public synchronized void invalidate(IntPredicate owners) {
        epoch++;
        structures.values().removeIf(seen -> owners.test(seen.owner));
    }
}
