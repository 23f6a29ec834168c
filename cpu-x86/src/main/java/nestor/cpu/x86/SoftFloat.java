package nestor.cpu.x86;

import java.math.BigInteger;

/**
 * IEEE 754 arithmetic with the rounding modes and exception flags of x86 (1 §4.8, §4.9), for the
 * cases that Java's own arithmetic does not tell apart, and for the extended format. Operands are
 * {@link #a} and {@link #b}, the result is {@link #result}, exceptions gather in {@link #flags}.
 */
final class SoftFloat {
    static final int INVALID = 1;
    static final int DENORMAL = 1 << 1;
    static final int ZERO_DIVIDE = 1 << 2;
    static final int OVERFLOW = 1 << 3;
    static final int UNDERFLOW = 1 << 4;
    static final int PRECISION = 1 << 5;

    static final int NEAREST = 0;
    static final int DOWN = 1;
    static final int UP = 2;
    static final int ZERO = 3;

    static final int UNORDERED = 2;

    /** What can be represented: bits of the significand, unbiased exponents of normal numbers. */
    record Format(int precision, int minExponent, int maxExponent) {
        static final Format SINGLE = new Format(24, -126, 127);
        static final Format DOUBLE = new Format(53, -1022, 1023);
        static final Format EXTENDED = new Format(64, -16382, 16383);
    }

    final FloatNumber a = new FloatNumber();
    final FloatNumber b = new FloatNumber();
    final FloatNumber result = new FloatNumber();
    int flags;
    int rounding;

    /** Whether a denormal result becomes zero. */
    boolean flush;

    /** Whether tiny results are an exception even if they are exact. */
    boolean underflowUnmasked;

    /** Whether of two NaNs the greater is taken (x87), not the first (SSE): 1 table 4-7. */
    boolean greaterNan;

    /** Whether the last rounding gave more than what was rounded, in magnitude. */
    boolean roundedUp;

    private long low;

    /** Whether the result is decided already: of NaNs, and of what is invalid. */
    boolean special(boolean invalid) {
        boolean signalling =
                a.kind >= FloatNumber.SIGNALLING_NAN || b.kind >= FloatNumber.SIGNALLING_NAN;
        if (a.isNan() || b.isNan()) {
            flags |= signalling ? INVALID : 0;
            nan();
            return true;
        }
        if (invalid) {
            flags |= INVALID;
            result.indefinite();
            return true;
        }
        flags |= a.denormal || b.denormal ? DENORMAL : 0;
        return false;
    }

    private void nan() {
        if (a.kind == FloatNumber.UNSUPPORTED || b.kind == FloatNumber.UNSUPPORTED) {
            result.indefinite();
            return;
        }
        boolean first = a.isNan() && (!b.isNan() || !greaterNan || isGreater());
        result.set(first ? a : b);
        result.kind = FloatNumber.QUIET_NAN;
        result.significand |= FloatNumber.QUIET_BIT;
    }

    private boolean isGreater() {
        if (a.kind != b.kind) {
            return a.kind == FloatNumber.QUIET_NAN;
        }
        int order = Long.compareUnsigned(a.significand, b.significand);
        return order > 0 || order == 0 && !a.negative;
    }

    void setZero(boolean negative) {
        result.kind = FloatNumber.ZERO;
        result.negative = negative;
    }

    void setInfinity(boolean negative) {
        result.kind = FloatNumber.INFINITY;
        result.negative = negative;
    }

    /** Converts {@link #a}. */
    void convert(Format format) {
        b.kind = FloatNumber.ZERO;
        b.denormal = false;
        if (!special(false)) {
            result.set(a);
            if (a.kind == FloatNumber.FINITE) {
                round(format, a.negative, a.exponent, a.significand, 0);
            }
        }
    }

    void subtract(Format format) {
        if (!b.isNan()) {
            b.negative = !b.negative;
        }
        add(format);
    }

    void add(Format format) {
        boolean infinite = a.kind == FloatNumber.INFINITY;
        boolean opposite = a.negative != b.negative;
        if (special(infinite && b.kind == FloatNumber.INFINITY && opposite)) {
            return;
        }
        if (infinite || b.kind == FloatNumber.INFINITY) {
            setInfinity(infinite ? a.negative : b.negative);
        } else if (a.kind == FloatNumber.ZERO && b.kind == FloatNumber.ZERO) {
            setZero(opposite ? rounding == DOWN : a.negative);
        } else if (b.kind == FloatNumber.ZERO) {
            round(format, a.negative, a.exponent, a.significand, 0);
        } else if (a.kind == FloatNumber.ZERO) {
            round(format, b.negative, b.exponent, b.significand, 0);
        } else {
            boolean swap =
                    a.exponent < b.exponent
                            || a.exponent == b.exponent
                                    && Long.compareUnsigned(a.significand, b.significand) < 0;
            addFinite(format, swap ? b : a, swap ? a : b);
        }
    }

    private void addFinite(Format format, FloatNumber more, FloatNumber less) {
        int exponent = more.exponent;
        long high = shiftRight(less.significand, 0, exponent - less.exponent);
        if (more.negative == less.negative) {
            long sum = more.significand + high;
            if (Long.compareUnsigned(sum, high) < 0) {
                low = sum << 63 | low >>> 1 | low & 1;
                sum = sum >>> 1 | FloatNumber.INTEGER_BIT;
                exponent++;
            }
            round(format, more.negative, exponent, sum, low);
            return;
        }
        long difference = more.significand - high - (low != 0 ? 1 : 0);
        low = -low;
        if (difference == 0 && low == 0) {
            setZero(rounding == DOWN);
            return;
        }
        if (difference == 0) {
            difference = low;
            low = 0;
            exponent -= 64;
        }
        int shift = Long.numberOfLeadingZeros(difference);
        if (shift != 0) {
            difference = difference << shift | low >>> -shift;
            low <<= shift;
        }
        round(format, more.negative, exponent - shift, difference, low);
    }

    /** Shifts 128 bits; the last one stands for all that fell out. Sets {@link #low}. */
    private long shiftRight(long high, long below, int by) {
        if (by == 0) {
            low = below;
            return high;
        }
        if (by < 64) {
            low = high << -by | below >>> by | (below << -by != 0 ? 1 : 0);
            return high >>> by;
        }
        boolean lost = below != 0 || by > 64 && (by >= 128 || high << -by != 0);
        low = (by >= 128 ? 0 : high >>> by) | (lost ? 1 : 0);
        return 0;
    }

    void multiply(Format format) {
        boolean infinite = a.kind == FloatNumber.INFINITY || b.kind == FloatNumber.INFINITY;
        boolean zero = a.kind == FloatNumber.ZERO || b.kind == FloatNumber.ZERO;
        if (special(infinite && zero)) {
            return;
        }
        boolean negative = a.negative != b.negative;
        if (infinite) {
            setInfinity(negative);
        } else if (zero) {
            setZero(negative);
        } else {
            long high = Math.unsignedMultiplyHigh(a.significand, b.significand);
            long below = a.significand * b.significand;
            int exponent = a.exponent + b.exponent + 1;
            if (high >= 0) {
                high = high << 1 | below >>> 63;
                below <<= 1;
                exponent--;
            }
            round(format, negative, exponent, high, below);
        }
    }

    void divide(Format format) {
        boolean zeros = a.kind == FloatNumber.ZERO && b.kind == FloatNumber.ZERO;
        boolean infinities = a.kind == FloatNumber.INFINITY && b.kind == FloatNumber.INFINITY;
        if (special(zeros || infinities)) {
            return;
        }
        boolean negative = a.negative != b.negative;
        if (a.kind == FloatNumber.INFINITY) {
            setInfinity(negative);
        } else if (b.kind == FloatNumber.ZERO) {
            flags |= ZERO_DIVIDE;
            setInfinity(negative);
        } else if (a.kind == FloatNumber.ZERO || b.kind == FloatNumber.INFINITY) {
            setZero(negative);
        } else {
            divideFinite(format, negative);
        }
    }

    private void divideFinite(Format format, boolean negative) {
        long divisor = b.significand;
        long rest = a.significand;
        boolean whole = Long.compareUnsigned(rest, divisor) >= 0;
        long quotient = whole ? 1 : 0;
        rest -= whole ? divisor : 0;
        for (int i = whole ? 1 : 0; i < 64; i++) {
            boolean fits = rest < 0 || Long.compareUnsigned(rest << 1, divisor) >= 0;
            rest = (rest << 1) - (fits ? divisor : 0);
            quotient = quotient << 1 | (fits ? 1 : 0);
        }
        int order = rest < 0 ? 1 : Long.compareUnsigned(rest << 1, divisor);
        round(
                format,
                negative,
                a.exponent - b.exponent - (whole ? 0 : 1),
                quotient,
                rest == 0 ? 0 : order < 0 ? 1 : order == 0 ? 1L << 63 : 3L << 62);
    }

    /** Of {@link #a}. */
    void squareRoot(Format format) {
        b.kind = FloatNumber.ZERO;
        b.denormal = false;
        if (special(a.negative && a.kind != FloatNumber.ZERO && !a.isNan())) {
            return;
        }
        if (a.kind != FloatNumber.FINITE) {
            result.set(a);
            return;
        }
        BigInteger[] root =
                new BigInteger(Long.toUnsignedString(a.significand))
                        .shiftLeft(63 + (a.exponent & 1))
                        .sqrtAndRemainder();
        long below = root[1].signum() == 0 ? 0 : root[1].compareTo(root[0]) > 0 ? 3L << 62 : 1;
        round(format, false, a.exponent >> 1, root[0].longValue(), below);
    }

    /** Rounds {@code (high + below / 2^64) * 2^(exponent-63)}; the result is a number again. */
    void round(Format format, boolean negative, int exponent, long high, long below) {
        int drop = 64 - format.precision;
        int shift = format.minExponent - exponent;
        boolean tiny = shift > 0;
        long sig = high;
        low = below;
        int power = exponent;
        if (tiny) {
            boolean carries =
                    shift == 1
                            && high >>> drop == -1L >>> drop
                            && increment(negative, high, below, drop);
            tiny = !carries;
            sig = shiftRight(high, below, shift);
            power = format.minExponent;
        }
        long lost = drop == 0 ? 0 : sig << -drop;
        boolean inexact = (lost | low) != 0;
        boolean up = increment(negative, sig, low, drop);
        roundedUp = up;
        long unit = 1L << drop;
        sig = sig & -unit;
        if (up) {
            sig += unit;
            if (sig == 0) {
                sig = FloatNumber.INTEGER_BIT;
                power++;
            }
        }
        finish(format, negative, power, sig, tiny, inexact);
    }

    private void finish(
            Format format, boolean negative, int power, long sig, boolean tiny, boolean inexact) {
        flags |= inexact ? PRECISION : 0;
        if (tiny && (inexact || underflowUnmasked)) {
            flags |= UNDERFLOW;
        }
        if (tiny && flush && !underflowUnmasked) {
            flags |= UNDERFLOW | PRECISION;
            setZero(negative);
        } else if (power > format.maxExponent) {
            flags |= OVERFLOW | PRECISION;
            overflow(format, negative);
        } else if (sig == 0) {
            setZero(negative);
        } else {
            int shift = Long.numberOfLeadingZeros(sig);
            result.kind = FloatNumber.FINITE;
            result.negative = negative;
            result.significand = sig << shift;
            result.exponent = power - shift;
        }
    }

    private void overflow(Format format, boolean negative) {
        boolean away = rounding == NEAREST || rounding == (negative ? DOWN : UP);
        if (away) {
            setInfinity(negative);
            return;
        }
        result.kind = FloatNumber.FINITE;
        result.negative = negative;
        result.exponent = format.maxExponent;
        result.significand = -1L << 64 - format.precision;
    }

    /** Whether the last bit kept is to be incremented when {@code drop} and what is below go. */
    private boolean increment(boolean negative, long high, long below, int drop) {
        boolean half = drop == 0 ? below < 0 : (high >>> drop - 1 & 1) != 0;
        boolean rest = drop == 0 ? below << 1 != 0 : ((high << 64 - drop << 1) | below) != 0;
        return switch (rounding) {
            case NEAREST -> half && (rest || (high >>> drop & 1) != 0);
            case DOWN -> negative && (half || rest);
            case UP -> !negative && (half || rest);
            default -> false;
        };
    }

    /** {@link #a} against {@link #b}: -1, 0, 1 or {@link #UNORDERED}. */
    int compare(boolean quiet) {
        if (a.isNan() || b.isNan()) {
            boolean signalling =
                    a.kind >= FloatNumber.SIGNALLING_NAN || b.kind >= FloatNumber.SIGNALLING_NAN;
            flags |= signalling || !quiet ? INVALID : 0;
            return UNORDERED;
        }
        flags |= a.denormal || b.denormal ? DENORMAL : 0;
        boolean zeros = a.kind == FloatNumber.ZERO && b.kind == FloatNumber.ZERO;
        if (zeros) {
            return 0;
        }
        if (a.negative != b.negative) {
            boolean less = a.kind == FloatNumber.ZERO ? !b.negative : a.negative;
            return less ? -1 : 1;
        }
        return a.negative ? -magnitude() : magnitude();
    }

    private int magnitude() {
        if (a.kind != b.kind) {
            return Integer.compare(a.kind, b.kind);
        }
        if (a.kind == FloatNumber.INFINITY) {
            return 0;
        }
        int exponents = Integer.compare(a.exponent, b.exponent);
        return exponents != 0
                ? exponents
                : Integer.signum(Long.compareUnsigned(a.significand, b.significand));
    }

    /** FRNDINT: {@link #a} as an integer, in its own format. */
    void roundToInteger() {
        b.fromInteger(0);
        if (special(false)) {
            return;
        }
        result.set(a);
        if (a.kind != FloatNumber.FINITE || a.exponent >= 63) {
            return;
        }
        long whole = shiftRight(a.significand, 0, Math.min(63 - a.exponent, 127));
        flags |= low != 0 ? PRECISION : 0;
        roundedUp = increment(a.negative, whole, low, 0);
        whole += roundedUp ? 1 : 0;
        result.fromInteger(whole);
        result.negative = a.negative;
    }

    /** {@link #a} as an integer; what does not fit is invalid and the least integer. */
    long toInteger(int bits) {
        long least = -1L << bits - 1;
        if (a.kind == FloatNumber.ZERO) {
            return 0;
        }
        if (a.kind != FloatNumber.FINITE || a.exponent > 63) {
            flags |= INVALID;
            return least;
        }
        long whole = shiftRight(a.significand, 0, Math.min(63 - a.exponent, 127));
        if (a.exponent < -64) {
            low = 1;
        }
        boolean inexact = low != 0;
        roundedUp = increment(a.negative, whole, low, 0);
        whole += roundedUp ? 1 : 0;
        boolean fits =
                a.negative
                        ? Long.compareUnsigned(whole, -least) <= 0
                        : Long.compareUnsigned(whole, -least) < 0;
        if (!fits) {
            flags |= INVALID;
            return least;
        }
        flags |= inexact ? PRECISION : 0;
        return a.negative ? -whole : whole;
    }

    /** The result, which has been rounded to it, in the single format. */
    int single() {
        return (int) pack(Format.SINGLE, 8) & -1;
    }

    /** The result, which has been rounded to it, in the double format. */
    long asDouble() {
        return pack(Format.DOUBLE, 11);
    }

    private long pack(Format format, int exponentBits) {
        int fractionBits = format.precision - 1;
        long max = (1L << exponentBits) - 1;
        long sign = result.negative ? 1L << exponentBits + fractionBits : 0;
        long fraction = result.significand << 1 >>> 64 - fractionBits;
        return sign
                | switch (result.kind) {
                    case FloatNumber.ZERO -> 0;
                    case FloatNumber.INFINITY -> max << fractionBits;
                    case FloatNumber.FINITE -> {
                        int below = format.minExponent - result.exponent;
                        yield below > 0
                                ? result.significand >>> 64 - format.precision + below
                                : (long) (1 - below) << fractionBits | fraction;
                    }
                    default -> max << fractionBits | fraction;
                };
    }
}
