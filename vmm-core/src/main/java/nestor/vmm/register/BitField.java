package nestor.vmm.register;

/**
 * A field {@code [hi:lo]}, inclusive, of a register or descriptor of up to 64 bits, as
 * specifications write it. Held in {@code static final} constants, HotSpot folds it to shift and
 * mask.
 *
 * @param hi most significant bit, 0..63
 * @param lo least significant bit, 0..{@code hi}
 */
public record BitField(int hi, int lo) {
    public BitField {
        if (lo < 0 || hi > 63 || hi < lo) {
            throw new IllegalArgumentException("no such field: [" + hi + ":" + lo + "]");
        }
    }

    /** The field {@code [hi:lo]}. */
    public static BitField bits(int hi, int lo) {
        return new BitField(hi, lo);
    }

    /** The one-bit field {@code [n]}. */
    public static BitField bit(int n) {
        return new BitField(n, n);
    }

    /** Ones where the field is. */
    public long mask() {
        return (-1L >>> (63 - hi + lo)) << lo;
    }

    /** The field's value, shifted down, unsigned. */
    public long get(long word) {
        return (word >>> lo) & (-1L >>> (63 - hi + lo));
    }

    /**
     * {@link #get} as an {@code int}.
     *
     * @throws IllegalStateException if the field is wider than 32 bits
     */
    public int getInt(long word) {
        if (hi - lo > 31) {
            throw new IllegalStateException("a field of more than 32 bits is no int");
        }
        return (int) get(word);
    }

    /** The field in place, everything else zero: for addresses. */
    public long getInPlace(long word) {
        return word & mask();
    }

    /** Whether any bit of the field is set. */
    public boolean isSet(long word) {
        return (word & mask()) != 0;
    }

    /**
     * {@code word} with the field replaced.
     *
     * @throws IllegalArgumentException if {@code value} does not fit
     */
    public long set(long word, long value) {
        long placed = value << lo;
        if (get(placed) != value) {
            throw new IllegalArgumentException(
                    "0x%x does not fit [%d:%d]".formatted(value, hi, lo));
        }
        return (word & ~mask()) | placed;
    }

    /** {@code word} with every bit of the field set. */
    public long setAll(long word) {
        return word | mask();
    }

    /** {@code word} with every bit of the field cleared. */
    public long clear(long word) {
        return word & ~mask();
    }
}
