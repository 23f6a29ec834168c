package nestor.machine.gic;

import org.jspecify.annotations.Nullable;

/**
 * Interrupts that wait to be delivered, by priority: the best one is found in constant time,
 * however many wait (§4.8: lowest priority value first, then lowest INTID).
 *
 * <p>A priority level is the implemented field of a priority byte, 0..31, or {@link #MASKED}: it
 * waits, but is not to be delivered.
 */
final class PendingSet {
    /** Levels of the 5 implemented priority bits. */
    static final int LEVELS = 32;

    /** The level of members that are not to be delivered; also the answer of an empty set. */
    static final int MASKED = LEVELS;

    private final int size;
    private final @Nullable IdBitmap[] byLevel = new @Nullable IdBitmap[LEVELS + 1];
    private long occupied;
    private int members;

    /** An empty set of ids below {@code size}. */
    PendingSet(int size) {
        this.size = size;
    }

    /** Puts {@code id}, which must not be in, in at {@code level}. */
    void add(int id, int level) {
        IdBitmap ids = byLevel[level];
        if (ids == null) {
            ids = new IdBitmap(size);
            byLevel[level] = ids;
        }
        ids.add(id);
        occupied |= 1L << level;
        members++;
    }

    /** Takes {@code id} out, whatever its level; says whether it was in. */
    boolean remove(int id) {
        for (long rest = occupied; rest != 0; rest &= rest - 1) {
            int level = Long.numberOfTrailingZeros(rest);
            IdBitmap ids = byLevel[level];
            if (ids != null && ids.contains(id)) {
                ids.remove(id);
                members--;
                if (ids.isEmpty()) {
                    occupied &= ~(1L << level);
                }
                return true;
            }
        }
        return false;
    }

    boolean contains(int id) {
        for (long rest = occupied; rest != 0; rest &= rest - 1) {
            IdBitmap ids = byLevel[Long.numberOfTrailingZeros(rest)];
            if (ids != null && ids.contains(id)) {
                return true;
            }
        }
        return false;
    }

    /** The best level that has a member, {@link #MASKED} if there is none to deliver. */
    int bestLevel() {
        return Math.min(MASKED, Long.numberOfTrailingZeros(occupied));
    }

    /** The lowest id at {@code level}, which must have a member. */
    int first(int level) {
        IdBitmap ids = byLevel[level];
        if (ids == null || ids.isEmpty()) {
            throw new IllegalStateException("no member at level " + level);
        }
        return ids.first();
    }

    boolean isEmpty() {
        return occupied == 0;
    }

    /** Number of members, the masked ones too. */
    int members() {
        return members;
    }

    /** Takes out one member, any; the set must not be empty. */
    int removeAny() {
        int id = first(Long.numberOfTrailingZeros(occupied));
        remove(id);
        return id;
    }
}
