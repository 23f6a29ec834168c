package nestor.machine.boot;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;

/**
 * Decodes a stream in the "LZMA alone" format to its end and keeps nothing but the dictionary (LZMA
 * specification of the LZMA SDK): the format has no checksum and no length that could be trusted,
 * so nothing less tells whether it is whole.
 */
final class LzmaStream {
    /** Of a dictionary that is decoded with; streams with larger ones are passed on unchecked. */
    private static final long MAX_DICTIONARY_BYTES = 64L << 20;

    /** More than any machine's RAM takes; what is longer is not decoded to its end. */
    private static final long MAX_PLAIN_BYTES = 4L << 30;

    private static final int MIN_DICTIONARY_BYTES = 1 << 12;
    private static final int MAX_PROPERTIES = 9 * 5 * 5;

    private static final int STATES = 12;
    private static final int FIRST_STATE_AFTER_MATCH = 7;
    private static final int POSITION_STATES = 16;
    private static final int LENGTH_STATES = 4;
    private static final int MIN_MATCH = 2;
    private static final int SLOT_BITS = 6;
    private static final int ALIGN_BITS = 4;
    private static final int FIRST_MODEL_SLOT = 4;
    private static final int FIRST_DIRECT_SLOT = 14;
    private static final int FULL_DISTANCES = 1 << FIRST_DIRECT_SLOT / 2;
    private static final int LITERAL_PROBS = 0x300;
    private static final int END_MARKER = -1;

    private final RangeDecoder range;
    private final int literalContextBits;
    private final int literalPositionBits;
    private final int positionMask;
    private final byte[] dictionary;
    private final short[] literals;
    private final short[] isMatch = RangeDecoder.probs(STATES * POSITION_STATES);
    private final short[] isRep = RangeDecoder.probs(STATES);
    private final short[] isRep0 = RangeDecoder.probs(STATES);
    private final short[] isRep1 = RangeDecoder.probs(STATES);
    private final short[] isRep2 = RangeDecoder.probs(STATES);
    private final short[] isRep0Long = RangeDecoder.probs(STATES * POSITION_STATES);
    private final short[][] slots = new short[LENGTH_STATES][];
    private final short[] distances = RangeDecoder.probs(FULL_DISTANCES);
    private final short[] align = RangeDecoder.probs(1 << ALIGN_BITS);
    private final LengthDecoder matchLength = new LengthDecoder();
    private final LengthDecoder repLength = new LengthDecoder();
    private final int[] reps = new int[4];
    private int state;
    private int at;
    private long produced;

    private LzmaStream(RangeDecoder range, int properties, int dictionaryBytes) {
        this.range = range;
        this.literalContextBits = properties % 9;
        this.literalPositionBits = properties / 9 % 5;
        this.positionMask = (1 << properties / 45) - 1;
        this.dictionary = new byte[Math.max(MIN_DICTIONARY_BYTES, dictionaryBytes)];
        this.literals =
                RangeDecoder.probs(LITERAL_PROBS << literalContextBits + literalPositionBits);
        Arrays.setAll(slots, _ -> RangeDecoder.probs(1 << SLOT_BITS));
    }

    static void scan(InputStream stream) throws IOException, BootFileException {
        StreamReader in = new StreamReader(stream);
        try {
            int properties = in.next();
            long dictionaryBytes = in.little(Integer.BYTES);
            long size = in.little(Long.BYTES); // all ones: an end marker follows
            if (properties >= MAX_PROPERTIES) {
                throw damaged();
            }
            if (dictionaryBytes <= MAX_DICTIONARY_BYTES) {
                new LzmaStream(new RangeDecoder(in), properties, (int) dictionaryBytes)
                        .decode(size);
            }
        } catch (EOFException e) {
            throw new BootFileException("truncated: the lzma stream ends early");
        }
    }

    private static BootFileException damaged() {
        return new BootFileException("a damaged lzma stream");
    }

    private void decode(long size) throws IOException, BootFileException {
        long limit = size < 0 || size > MAX_PLAIN_BYTES ? MAX_PLAIN_BYTES : size;
        while (produced < limit) {
            int position = (int) produced & positionMask;
            if (range.bit(isMatch, state * POSITION_STATES + position) == 0) {
                literal();
                continue;
            }
            int length = range.bit(isRep, state) == 0 ? match(position) : repeat(position);
            if (reps[0] == END_MARKER) {
                return;
            }
            if (Integer.toUnsignedLong(reps[0]) >= Math.min(produced, dictionary.length)) {
                throw damaged();
            }
            for (int i = 0; i < length; i++) {
                put(back(reps[0]));
            }
        }
    }

    private void literal() throws IOException {
        int previous = produced == 0 ? 0 : back(0) & 0xff;
        int position = (int) produced & (1 << literalPositionBits) - 1;
        int base =
                LITERAL_PROBS
                        * ((position << literalContextBits) + (previous >> 8 - literalContextBits));
        int symbol = 1;
        if (state >= FIRST_STATE_AFTER_MATCH) {
            int match = back(reps[0]) & 0xff;
            do {
                int matchBit = match >> 7 & 1;
                match <<= 1;
                int bit = range.bit(literals, base + (1 + matchBit << 8) + symbol);
                symbol = symbol << 1 | bit;
                if (matchBit != bit) {
                    break;
                }
            } while (symbol < 0x100);
        }
        while (symbol < 0x100) {
            symbol = symbol << 1 | range.bit(literals, base + symbol);
        }
        put((byte) symbol);
        state = state < 4 ? 0 : state < 10 ? state - 3 : state - 6;
    }

    private int match(int position) throws IOException {
        System.arraycopy(reps, 0, reps, 1, reps.length - 1);
        int length = matchLength.decode(range, position);
        state = state < FIRST_STATE_AFTER_MATCH ? 7 : 10;
        reps[0] = distance(length);
        return length + MIN_MATCH;
    }

    private int repeat(int position) throws IOException, BootFileException {
        if (produced == 0) {
            throw damaged();
        }
        if (range.bit(isRep0, state) == 0) {
            if (range.bit(isRep0Long, state * POSITION_STATES + position) == 0) {
                state = state < FIRST_STATE_AFTER_MATCH ? 9 : 11;
                return 1;
            }
        } else {
            int which = range.bit(isRep1, state) == 0 ? 1 : 2 + range.bit(isRep2, state);
            int distance = reps[which];
            System.arraycopy(reps, 0, reps, 1, which);
            reps[0] = distance;
        }
        state = state < FIRST_STATE_AFTER_MATCH ? 8 : 11;
        return repLength.decode(range, position) + MIN_MATCH;
    }

    private int distance(int length) throws IOException {
        int slot = range.tree(slots[Math.min(length, LENGTH_STATES - 1)], 0, SLOT_BITS);
        if (slot < FIRST_MODEL_SLOT) {
            return slot;
        }
        int bits = (slot >> 1) - 1;
        int distance = (2 | slot & 1) << bits;
        if (slot < FIRST_DIRECT_SLOT) {
            return distance + range.reverseTree(distances, distance - slot, bits);
        }
        distance += range.direct(bits - ALIGN_BITS) << ALIGN_BITS;
        return distance + range.reverseTree(align, 0, ALIGN_BITS);
    }

    private byte back(int distance) {
        int from = at - distance - 1;
        return dictionary[from < 0 ? from + dictionary.length : from];
    }

    private void put(byte value) {
        dictionary[at] = value;
        at = at + 1 == dictionary.length ? 0 : at + 1;
        produced++;
    }

    /** Lengths of matches: three trees, chosen by two bits. */
    private static final class LengthDecoder {
        private static final int LOW_BITS = 3;
        private static final int HIGH_BITS = 8;

        private final short[] choice = RangeDecoder.probs(2);
        private final short[] low = RangeDecoder.probs(POSITION_STATES << LOW_BITS);
        private final short[] middle = RangeDecoder.probs(POSITION_STATES << LOW_BITS);
        private final short[] high = RangeDecoder.probs(1 << HIGH_BITS);

        int decode(RangeDecoder range, int position) throws IOException {
            if (range.bit(choice, 0) == 0) {
                return range.tree(low, position << LOW_BITS, LOW_BITS);
            }
            if (range.bit(choice, 1) == 0) {
                return (1 << LOW_BITS) + range.tree(middle, position << LOW_BITS, LOW_BITS);
            }
            return (2 << LOW_BITS) + range.tree(high, 0, HIGH_BITS);
        }
    }
}
