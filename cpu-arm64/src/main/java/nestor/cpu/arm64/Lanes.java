package nestor.cpu.arm64;

/**
 * Elements of a vector (§C1.2.6) as bit fields of 64-bit words, and arithmetic on all elements of a
 * word at once. An element size {@code esize} is 8, 16, 32 or 64 bits.
 */
final class Lanes {
    private Lanes() {}

    /** The low {@code esize} bits set. */
    static long mask(int esize) {
        return -1L >>> (64 - esize);
    }

    /** The low {@code esize} bits of {@code value} as a two's complement number. */
    static long signed(long value, int esize) {
        return value << (64 - esize) >> (64 - esize);
    }

    /** Element {@code index} of the register whose low half is {@code v[base]}, zero-extended. */
    static long get(long[] v, int base, int index, int esize) {
        int bit = index * esize;
        return v[base + (bit >> 6)] >>> (bit & 63) & mask(esize);
    }

    /** Replaces element {@code index} of the register whose low half is {@code v[base]}. */
    static void set(long[] v, int base, int index, int esize, long value) {
        int bit = index * esize;
        int shift = bit & 63;
        long mask = mask(esize) << shift;
        int word = base + (bit >> 6);
        v[word] = v[word] & ~mask | value << shift & mask;
    }

    /** The lowest bit of each element set. */
    static long ones(int esize) {
        return switch (esize) {
            case 8 -> 0x0101_0101_0101_0101L;
            case 16 -> 0x0001_0001_0001_0001L;
            case 32 -> 0x0000_0001_0000_0001L;
            default -> 1;
        };
    }

    /** The low {@code esize} bits of {@code value} in every element. */
    static long replicate(long value, int esize) {
        return (value & mask(esize)) * ones(esize);
    }

    /** The bits of the even-numbered elements; {@code esize} at most 32. */
    static long evenMask(int esize) {
        return ones(2 * esize) * mask(esize);
    }

    /** The even-numbered elements of a 128-bit pair of words, in order. */
    static long evens(long low, long high, int esize) {
        if (esize == 64) {
            return low;
        }
        long mask = evenMask(esize);
        return Long.compress(low, mask) | Long.compress(high, mask) << 32;
    }

    /** The odd-numbered elements of a 128-bit pair of words, in order. */
    static long odds(long low, long high, int esize) {
        if (esize == 64) {
            return high;
        }
        long mask = evenMask(esize);
        return Long.compress(low >>> esize, mask) | Long.compress(high >>> esize, mask) << 32;
    }

    /** Sum of each pair of elements, modulo {@code 2^esize}; {@code high} has each top bit. */
    static long add(long a, long b, long high) {
        return (a & ~high) + (b & ~high) ^ (a ^ b) & high;
    }

    /** Difference of each pair of elements. */
    static long subtract(long a, long b, long high) {
        return (a | high) - (b & ~high) ^ (a ^ ~b) & high;
    }

    /** All ones in each element of which the top bit is set in {@code tops}; other bits clear. */
    static long spread(long tops, int esize) {
        return tops - (tops >>> (esize - 1)) | tops;
    }

    /** All ones in each element that is zero. */
    static long isZero(long a, long high, int esize) {
        return spread(~((a & ~high) + ~high | a) & high, esize);
    }

    /** All ones in each element where a is not below b, unsigned. */
    static long notBelow(long a, long b, long high, int esize) {
        long low = (a | high) - (b & ~high);
        return spread((a & ~b | ~(a ^ b) & low) & high, esize);
    }
}
