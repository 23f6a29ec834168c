package nestor.machine.gic;

/**
 * A set of small numbers with the lowest member found in constant time: a bitmap with a summary of
 * its words and a summary of that.
 */
final class IdBitmap {
    private static final int WORD_LOG2 = 6;
    private static final int WORD_MASK = (1 << WORD_LOG2) - 1;

    /** Three levels of 64-bit words hold this many. */
    static final int MAX_SIZE = 1 << (3 * WORD_LOG2);

    private final long[] words;
    private final long[] summary;
    private long top;

    /** An empty set of numbers below {@code size}. */
    IdBitmap(int size) {
        if (size < 1 || size > MAX_SIZE) {
            throw new IllegalArgumentException("size " + size);
        }
        words = new long[((size - 1) >>> WORD_LOG2) + 1];
        summary = new long[((words.length - 1) >>> WORD_LOG2) + 1];
    }

    void add(int id) {
        int word = id >>> WORD_LOG2;
        words[word] |= 1L << (id & WORD_MASK);
        summary[word >>> WORD_LOG2] |= 1L << (word & WORD_MASK);
        top |= 1L << (word >>> WORD_LOG2);
    }

    /** Takes {@code id} out; nothing happens if it is not in. */
    void remove(int id) {
        int word = id >>> WORD_LOG2;
        words[word] &= ~(1L << (id & WORD_MASK));
        if (words[word] != 0) {
            return;
        }
        int upper = word >>> WORD_LOG2;
        summary[upper] &= ~(1L << (word & WORD_MASK));
        if (summary[upper] == 0) {
            top &= ~(1L << upper);
        }
    }

    boolean contains(int id) {
        return (words[id >>> WORD_LOG2] & 1L << (id & WORD_MASK)) != 0;
    }

    boolean isEmpty() {
        return top == 0;
    }

    /** The lowest member of a set that is not empty. */
    int first() {
        int upper = Long.numberOfTrailingZeros(top);
        int word = (upper << WORD_LOG2) + Long.numberOfTrailingZeros(summary[upper]);
        return (word << WORD_LOG2) + Long.numberOfTrailingZeros(words[word]);
    }
}
