package nestor.cpu.x86;

/** A floating-point number taken apart. Reused; vCPU thread. */
final class FloatNumber {
    static final int ZERO = 0;
    static final int FINITE = 1;
    static final int INFINITY = 2;
    static final int QUIET_NAN = 3;
    static final int SIGNALLING_NAN = 4;

    /** An encoding of the extended format that no processor since the 387 takes (1 §8.2.2). */
    static final int UNSUPPORTED = 5;

    static final long INTEGER_BIT = 1L << 63;
    static final long QUIET_BIT = 1L << 62;
    private static final int EXTENDED_BIAS = 0x3fff;

    int kind;
    boolean negative;

    /** Of a finite number: it is {@code significand * 2^(exponent-63)}. */
    int exponent;

    /** Of a finite number with bit 63 set; of a NaN bit 63 and below it the fraction. */
    long significand;

    boolean denormal;

    boolean isNan() {
        return kind >= QUIET_NAN;
    }

    void set(FloatNumber other) {
        kind = other.kind;
        negative = other.negative;
        exponent = other.exponent;
        significand = other.significand;
        denormal = other.denormal;
    }

    void fromSingle(int bits) {
        from(bits < 0, bits >>> 23 & 0xff, 0xff, (long) bits << 41 >>> 1);
    }

    void fromDouble(long bits) {
        from(bits < 0, (int) (bits >>> 52) & 0x7ff, 0x7ff, bits << 12 >>> 1);
    }

    /** The fraction begins at bit 62. */
    private void from(boolean sign, int biased, int max, long fraction) {
        negative = sign;
        denormal = false;
        significand = fraction | INTEGER_BIT;
        exponent = biased - (max >> 1);
        if (biased == max) {
            kind = fraction == 0 ? INFINITY : nan(fraction);
        } else if (biased != 0) {
            kind = FINITE;
        } else {
            small(fraction, 1 - (max >> 1));
        }
    }

    private static int nan(long fraction) {
        return (fraction & QUIET_BIT) != 0 ? QUIET_NAN : SIGNALLING_NAN;
    }

    private void small(long value, int minExponent) {
        kind = value == 0 ? ZERO : FINITE;
        denormal = value != 0;
        int shift = Long.numberOfLeadingZeros(value);
        significand = value << shift;
        exponent = minExponent - shift;
    }

    void fromExtended(int signExponent, long bits) {
        int biased = signExponent & 0x7fff;
        negative = (signExponent & 0x8000) != 0;
        denormal = false;
        significand = bits;
        exponent = biased - EXTENDED_BIAS;
        if (biased == 0) {
            small(bits, 1 - EXTENDED_BIAS);
        } else if (bits >= 0) {
            kind = UNSUPPORTED;
        } else if (biased == 0x7fff) {
            kind = bits == INTEGER_BIT ? INFINITY : nan(bits & ~INTEGER_BIT);
        } else {
            kind = FINITE;
        }
    }

    void fromInteger(long value) {
        negative = value < 0;
        denormal = false;
        kind = value == 0 ? ZERO : FINITE;
        long magnitude = Math.abs(value);
        int shift = Long.numberOfLeadingZeros(magnitude);
        significand = magnitude << shift;
        exponent = 63 - shift;
    }

    /** What an invalid operation gives. */
    void indefinite() {
        kind = QUIET_NAN;
        negative = true;
        significand = INTEGER_BIT | QUIET_BIT;
    }
}
