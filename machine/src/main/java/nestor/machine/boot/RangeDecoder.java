package nestor.machine.boot;

import java.io.IOException;
import java.util.Arrays;

/** The adaptive binary range decoder of LZMA (LZMA specification, "Range Decoder"). */
final class RangeDecoder {
    private static final int MODEL_BITS = 11;
    private static final int MOVE_BITS = 5;
    private static final int TOP_BITS = 24;
    private static final int INITIAL_BYTES = 5;

    private final StreamReader in;
    private int range = -1;
    private int code;

    RangeDecoder(StreamReader in) throws IOException {
        this.in = in;
        code = (int) in.big(INITIAL_BYTES);
    }

    /** Probabilities that know nothing yet: one half. */
    static short[] probs(int count) {
        short[] probs = new short[count];
        Arrays.fill(probs, (short) (1 << MODEL_BITS - 1));
        return probs;
    }

    int bit(short[] probs, int index) throws IOException {
        int prob = probs[index];
        int bound = (range >>> MODEL_BITS) * prob;
        int bit;
        if (Integer.compareUnsigned(code, bound) < 0) {
            range = bound;
            probs[index] = (short) (prob + ((1 << MODEL_BITS) - prob >> MOVE_BITS));
            bit = 0;
        } else {
            range -= bound;
            code -= bound;
            probs[index] = (short) (prob - (prob >> MOVE_BITS));
            bit = 1;
        }
        normalize();
        return bit;
    }

    /** Bits without a model. */
    int direct(int count) throws IOException {
        int result = 0;
        for (int i = 0; i < count; i++) {
            range >>>= 1;
            boolean one = Integer.compareUnsigned(code, range) >= 0;
            if (one) {
                code -= range;
            }
            result = result << 1 | (one ? 1 : 0);
            normalize();
        }
        return result;
    }

    /** A symbol of {@code bits} bits, highest first; its tree starts at {@code base}. */
    int tree(short[] probs, int base, int bits) throws IOException {
        int symbol = 1;
        for (int i = 0; i < bits; i++) {
            symbol = symbol << 1 | bit(probs, base + symbol);
        }
        return symbol - (1 << bits);
    }

    /** A symbol of {@code bits} bits, lowest first; its tree starts at {@code base}. */
    int reverseTree(short[] probs, int base, int bits) throws IOException {
        int node = 1;
        int symbol = 0;
        for (int i = 0; i < bits; i++) {
            int bit = bit(probs, base + node);
            node = node << 1 | bit;
            symbol |= bit << i;
        }
        return symbol;
    }

    private void normalize() throws IOException {
        if (range >>> TOP_BITS == 0) {
            range <<= Byte.SIZE;
            code = code << Byte.SIZE | in.next();
        }
    }
}
