package nestor.smmuv3;

import java.util.SplittableRandom;
import java.util.function.BooleanSupplier;
import java.util.function.IntPredicate;
import nestor.iommu.TornWords;
import nestor.vmm.memory.Doublewords;
import nestor.vmm.memory.GuestAccessException;

/**
 * How stream table entries and context descriptors are read (IHI 0070, §3.21.3): the architecture
 * promises no more than that each doubleword is read in one piece. Any thread.
 */
public interface StructureFetch {
    /** Doublewords of a structure that are looked at. */
    int WORDS = 4;

    /**
     * Reads the first {@link #WORDS} doublewords of the structure at {@code gpa}.
     *
     * @param sid the stream it belongs to
     */
    long[] fetch(Doublewords memory, int sid, long gpa) throws GuestAccessException;

    /** Structures of these streams were invalidated: the next fetch sees what is there now. */
    default void invalidate(IntPredicate sids) {}

    /** Whether what was fetched may be kept until it is invalidated. */
    default boolean caches() {
        return true;
    }

    /** {@code fetch=atomic64}: doublewords one after the other, once each. */
    static StructureFetch atomic64() {
        return (memory, _, gpa) -> {
            long[] words = new long[WORDS];
            for (int i = 0; i < WORDS; i++) {
                words[i] = memory.getLongLe(gpa + 8L * i);
            }
            return words;
        };
    }

    /** {@code fetch=atomic128}: the doublewords of a pair were in memory at the same time. */
    static StructureFetch atomic128() {
        return (memory, _, gpa) -> {
            long[] words = new long[WORDS];
            for (int i = 0; i < WORDS; i += 2) {
                readPair(memory, gpa + 8L * i, words, i);
            }
            return words;
        };
    }

    /** Against a writer that never rests, the last try counts. */
    private static void readPair(Doublewords memory, long gpa, long[] words, int at)
            throws GuestAccessException {
        int tries = 64;
        do {
            words[at] = memory.getLongLe(gpa);
            words[at + 1] = memory.getLongLe(gpa + 8);
        } while (memory.getLongLe(gpa) != words[at] && --tries > 0);
    }

    /**
     * {@code fetch=torn:SEED}: each doubleword may be as old as the last invalidation, and is
     * chosen anew at each access. What a driver gets to see when it relies on more than the
     * architecture promises.
     */
    static StructureFetch torn(long seed) {
        return torn(new SplittableRandom(seed)::nextBoolean);
    }

    /**
     * The same.
     *
     * @param old decides for each doubleword whether it is an old one
     */
    static StructureFetch torn(BooleanSupplier old) {
        return new Torn(new TornWords(1, old));
    }

    /** The doublewords as they were first seen since they were invalidated. */
    record Torn(TornWords seen) implements StructureFetch {
        @Override
        public long[] fetch(Doublewords memory, int sid, long gpa) throws GuestAccessException {
            return seen.fetch(sid, gpa, () -> atomic64().fetch(memory, sid, gpa));
        }

        @Override
        public void invalidate(IntPredicate sids) {
            seen.invalidate(sids);
        }

        @Override
        public boolean caches() {
            return false;
        }
    }
}
