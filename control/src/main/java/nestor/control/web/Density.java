package nestor.control.web;

/**
 * How often something happened, over time: in slots of a fixed length, of which the last minute's
 * are kept. Nothing is forgotten because it came too fast.
 */
final class Density {
    static final long SLOT_NANOS = 50_000_000;

    /** A minute. */
    static final int SLOTS = 1200;

    private final int[] slots = new int[SLOTS];
    private long last;
    private long total;

    /** Takes a slot that is not empty. */
    @FunctionalInterface
    interface Slots {
        void take(long slot, int number);
    }

    /** Something happened. */
    void add(long nanos) {
        long slot = nanos / SLOT_NANOS;
        total++;
        if (slot <= last - SLOTS) {
            return;
        }
        for (long fresh = Math.max(last + 1, slot - SLOTS + 1); fresh <= slot; fresh++) {
            slots[(int) (fresh % SLOTS)] = 0;
        }
        last = Math.max(last, slot);
        slots[(int) (slot % SLOTS)]++;
    }

    long total() {
        return total;
    }

    /** The latest slot in which something happened. */
    long last() {
        return last;
    }

    /** The slots from a number on. */
    void since(long slot, Slots taker) {
        for (long one = Math.max(slot, Math.max(0, last - SLOTS + 1)); one <= last; one++) {
            int number = slots[(int) (one % SLOTS)];
            if (number > 0) {
                taker.take(one, number);
            }
        }
    }
}
