package nestor.testkit;

import java.util.SplittableRandom;

/**
 * Where generated tests take their decisions from: a seed, which is printed and replayed with
 * {@code -Dnestor.seed=N}, or the bytes of a fuzzer's input.
 */
public interface Choices {
    /** Any of the 2^64 values. */
    long anyLong();

    /** A number in {@code 0 .. bound-1}. */
    default int below(int bound) {
        return (int) Long.remainderUnsigned(anyLong(), bound);
    }

    default boolean flip() {
        return (anyLong() & 1) != 0;
    }

    /** True once in {@code n} times. */
    default boolean oneIn(int n) {
        return below(n) == 0;
    }

    /** Decisions of a pseudo-random sequence. */
    static Choices seeded(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        return random::nextLong;
    }

    /** Decisions read from bytes, eight at a time; all zero once they are used up. */
    static Choices of(byte[] bytes) {
        return new ByteChoices(bytes);
    }
}
