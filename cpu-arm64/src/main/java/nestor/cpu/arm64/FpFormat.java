package nestor.cpu.arm64;

/**
 * A floating-point format (§A1.4).
 *
 * @param bits of the whole number
 * @param fractionBits of the fraction, without the leading one
 */
record FpFormat(int bits, int fractionBits) {
    static final FpFormat HALF = new FpFormat(16, 10);
    static final FpFormat SINGLE = new FpFormat(32, 23);
    static final FpFormat DOUBLE = new FpFormat(64, 52);

    /** The format of 16, 32 or 64 bits. */
    static FpFormat of(int bits) {
        return bits == 64 ? DOUBLE : bits == 32 ? SINGLE : HALF;
    }

    boolean isHalf() {
        return bits == 16;
    }

    /** The exponent field of infinities and NaNs, all ones. */
    int topExponent() {
        return (1 << (bits - 1 - fractionBits)) - 1;
    }

    int bias() {
        return topExponent() >> 1;
    }

    long signBit() {
        return 1L << (bits - 1);
    }

    /** The fraction bit that tells a quiet from a signalling NaN. */
    long quietBit() {
        return 1L << (fractionBits - 1);
    }

    long fractionMask() {
        return (1L << fractionBits) - 1;
    }

    long zero(boolean negative) {
        return negative ? signBit() : 0;
    }

    long infinity(boolean negative) {
        return zero(negative) | (long) topExponent() << fractionBits;
    }

    long maxNormal(boolean negative) {
        return infinity(negative) - 1;
    }

    long defaultNan() {
        return infinity(false) | quietBit();
    }

    /** The power of two {@code 2^exponent}, of normal range. */
    long power(boolean negative, int exponent) {
        return zero(negative) | (long) (exponent + bias()) << fractionBits;
    }

    boolean isNan(long number) {
        return (number & ~signBit()) > infinity(false);
    }

    boolean isSignallingNan(long number) {
        return isNan(number) && (number & quietBit()) == 0;
    }

    boolean isNegative(long number) {
        return (number & signBit()) != 0;
    }
}
