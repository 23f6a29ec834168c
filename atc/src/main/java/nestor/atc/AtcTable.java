package nestor.atc;

import java.util.concurrent.atomic.AtomicReferenceArray;
import nestor.vmm.register.BitField;
import org.jspecify.annotations.Nullable;

/**
 * The entries of an {@link Atc}: one set-associative table for all sizes and spaces. A set is
 * chosen by address and size alone, so that an invalidation of every PASID, and a global entry,
 * cost no more than those of one. No two entries could answer the same access.
 *
 * <p>{@link #find} is lock-free, on any thread; changes are made by one thread at a time.
 */
final class AtcTable {
    /** Log2 of the smallest range a completion can describe. */
    static final int SMALLEST_LOG2 = 12;

    /** 4 KiB .. 2^64 bytes. */
    static final int SIZES = Long.SIZE - SMALLEST_LOG2 + 1;

    /** All of a completion's entry that is not address or size. */
    static final BitField FLAGS = BitField.bits(10, 0);

    private final int ways;
    private final int sets;
    private final int setsLog2;
    private final AtomicReferenceArray<@Nullable AtcEntry> slots;

    /**
     * When each slot was last of use, in fills: twice the fill's number when it was filled, one
     * more after a hit. Written without order by whoever hits; a lost write costs an eviction that
     * was not the best.
     */
    private final long[] lastUse;

    private long now;
    private final int[] population = new int[SIZES];

    /** A bit for each size that has entries, at {@link #sizeClass}. */
    private volatile long sizesPresent;

    private long probes;

    AtcTable(int capacity, int ways) {
        this.ways = ways;
        this.sets = capacity == 0 ? 0 : capacity / ways;
        this.setsLog2 = Integer.numberOfTrailingZeros(sets);
        this.slots = new AtomicReferenceArray<>(capacity);
        this.lastUse = new long[capacity];
    }

    static int sizeClass(int sizeLog2) {
        return sizeLog2 - SMALLEST_LOG2;
    }

    /** The entry whose range holds {@code iova} in that space and mode, whatever it permits. */
    @Nullable AtcEntry find(int pasid, boolean privileged, long iova) {
        return find(pasid, privileged, iova, true);
    }

    /** The same by somebody who only looks. */
    @Nullable AtcEntry peek(int pasid, boolean privileged, long iova) {
        return find(pasid, privileged, iova, false);
    }

    private @Nullable AtcEntry find(int pasid, boolean privileged, long iova, boolean used) {
        for (long sizes = sizesPresent; sizes != 0; sizes &= sizes - 1) {
            int sizeLog2 = SMALLEST_LOG2 + Long.numberOfTrailingZeros(sizes);
            long base = AtcEntry.base(iova, sizeLog2);
            int first = set(base, sizeLog2) * ways;
            for (int slot = first; slot < first + ways; slot++) {
                AtcEntry entry = slots.get(slot); // not before the access's enter()
                if (entry != null
                        && entry.iovaBase() == base
                        && entry.sizeLog2() == sizeLog2
                        && entry.serves(pasid, privileged)) {
                    if (used) {
                        touch(slot);
                    }
                    return entry;
                }
            }
        }
        return null;
    }

    private void touch(int slot) {
        long use = now | 1;
        if (lastUse[slot] != use) {
            lastUse[slot] = use;
        }
    }

    /**
     * Puts an entry in place of all it competes with.
     *
     * @return whether another one had to make room
     */
    boolean insert(AtcEntry entry) {
        now += 2;
        int first = set(entry.iovaBase(), entry.sizeLog2()) * ways;
        int victim = first;
        for (int slot = first; slot < first + ways; slot++) {
            if (slots.get(slot) == null) {
                victim = slot;
                break;
            }
            if (lastUse[slot] < lastUse[victim]) {
                victim = slot;
            }
        }
        boolean evicts = slots.get(victim) != null;
        clear(victim);
        lastUse[victim] = now;
        slots.setRelease(victim, entry);
        count(entry, 1);
        return evicts;
    }

    /** Removes what could answer an access that {@code newer} answers. */
    int removeCompeting(AtcEntry newer) {
        return removeOverlapping(newer.iovaBase(), newer.sizeLog2(), newer::competes);
    }

    /**
     * Removes what an invalidation of this range covers: entries of the PASID and global ones.
     *
     * @param pasid or {@link InvalidationLog#EVERY_SPACE}
     */
    int invalidate(int pasid, long iova, int sizeLog2) {
        return removeOverlapping(iova, sizeLog2, e -> InvalidationLog.covers(pasid, e));
    }

    /** Sets looked into by changes so far. */
    long probes() {
        return probes;
    }

    /**
     * Ranges as large as the block or larger can each be in one set only; smaller ones are probed
     * one by one while they are fewer than there are sets.
     */
    private int removeOverlapping(long iova, int sizeLog2, Condition condition) {
        int removed = 0;
        for (long sizes = sizesPresent; sizes != 0; sizes &= sizes - 1) {
            int entryLog2 = SMALLEST_LOG2 + Long.numberOfTrailingZeros(sizes);
            int blocksLog2 = Math.max(0, sizeLog2 - entryLog2);
            if (blocksLog2 >= setsLog2 && blocksLog2 > 0) {
                return removed + removeEverywhere(iova, sizeLog2, condition);
            }
            long block = AtcEntry.base(iova, entryLog2);
            for (int n = 0; n < 1 << blocksLog2; n++) {
                removed += removeIn(set(block, entryLog2), iova, sizeLog2, condition);
                block += 1L << entryLog2;
            }
        }
        return removed;
    }

    private int removeEverywhere(long iova, int sizeLog2, Condition condition) {
        int removed = 0;
        for (int set = 0; set < sets; set++) {
            removed += removeIn(set, iova, sizeLog2, condition);
        }
        return removed;
    }

    private int removeIn(int set, long iova, int sizeLog2, Condition condition) {
        probes++;
        int removed = 0;
        for (int slot = set * ways; slot < (set + 1) * ways; slot++) {
            AtcEntry entry = slots.get(slot);
            if (entry != null && entry.overlaps(iova, sizeLog2) && condition.holds(entry)) {
                clear(slot);
                removed++;
            }
        }
        return removed;
    }

    private void clear(int slot) {
        AtcEntry entry = slots.getAndSet(slot, null);
        if (entry != null) {
            count(entry, -1);
        }
    }

    private void count(AtcEntry entry, int change) {
        int sizeClass = sizeClass(entry.sizeLog2());
        population[sizeClass] += change;
        if (population[sizeClass] == 0) {
            sizesPresent &= ~(1L << sizeClass);
        } else if (population[sizeClass] == 1 && change > 0) {
            sizesPresent |= 1L << sizeClass;
        }
    }

    /** Neighbouring pages lie in neighbouring sets; equal ones of different sizes do not meet. */
    private int set(long base, int sizeLog2) {
        long page = sizeLog2 == Long.SIZE ? 0 : base >>> sizeLog2;
        return (int) ((page ^ page >>> setsLog2) + sizeLog2) & sets - 1;
    }

    private interface Condition {
        boolean holds(AtcEntry entry);
    }
}
