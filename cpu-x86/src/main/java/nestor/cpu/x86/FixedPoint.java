package nestor.cpu.x86;

import java.math.BigInteger;

/**
 * Elementary functions of numbers with {@link #BITS} bits behind the point. Errors stay below
 * 2^-300, so what the x87 rounds to 64 bits is the nearest number, unless 150 bits behind those are
 * all zeros or all ones.
 */
final class FixedPoint {
    static final int BITS = 320;
    static final BigInteger ONE = BigInteger.ONE.shiftLeft(BITS);
    static final BigInteger PI = pi();
    static final BigInteger LN2 = artanh(ONE.divide(BigInteger.valueOf(3))).shiftLeft(1);

    private static final int HALVINGS = 3;

    private FixedPoint() {}

    private static BigInteger pi() {
        BigInteger fifth = oddSeries(ONE.divide(BigInteger.valueOf(5)), -1);
        BigInteger other = oddSeries(ONE.divide(BigInteger.valueOf(239)), -1);
        return fifth.shiftLeft(4).subtract(other.shiftLeft(2));
    }

    static BigInteger times(BigInteger a, BigInteger b) {
        return a.multiply(b).shiftRight(BITS);
    }

    static BigInteger over(BigInteger a, BigInteger b) {
        return a.shiftLeft(BITS).divide(b);
    }

    /** {@code z + sign z^3/3 + z^5/5 + ...}, for |z| below 1/5 or so. */
    private static BigInteger oddSeries(BigInteger z, int sign) {
        BigInteger square = times(z, z).multiply(BigInteger.valueOf(sign));
        BigInteger power = z;
        BigInteger sum = z;
        for (int n = 3; power.bitLength() > 1; n += 2) {
            power = times(power, square);
            sum = sum.add(power.divide(BigInteger.valueOf(n)));
        }
        return sum;
    }

    /** The inverse hyperbolic tangent, for |z| up to 1/3. */
    static BigInteger artanh(BigInteger z) {
        return oddSeries(z, 1);
    }

    /** The arc tangent, for z from 0 to 1: that of twice the angle's is halved first. */
    static BigInteger arctan(BigInteger z) {
        BigInteger half = z;
        for (int i = 0; i < HALVINGS; i++) {
            BigInteger secant = ONE.add(times(half, half)).shiftLeft(BITS).sqrt();
            half = over(half, ONE.add(secant));
        }
        return oddSeries(half, -1).shiftLeft(HALVINGS);
    }

    /** {@code first - z^2 first/(n+1)(n+2) + ...}: the sine of z and 1, the cosine of 1 and 0. */
    private static BigInteger alternating(BigInteger first, BigInteger z, int start) {
        BigInteger square = times(z, z).negate();
        BigInteger term = first;
        BigInteger sum = first;
        for (long n = start; term.bitLength() > 1; n += 2) {
            term = times(term, square).divide(BigInteger.valueOf((n + 1) * (n + 2)));
            sum = sum.add(term);
        }
        return sum;
    }

    /** For |z| up to pi/4. */
    static BigInteger sine(BigInteger z) {
        return alternating(z, z, 1);
    }

    /** For |z| up to pi/4. */
    static BigInteger cosine(BigInteger z) {
        return alternating(ONE, z, 0);
    }

    /** {@code e^z - 1}, for |z| below 1. */
    static BigInteger exponentialMinusOne(BigInteger z) {
        BigInteger term = z;
        BigInteger sum = z;
        for (long n = 2; term.bitLength() > 1; n++) {
            term = times(term, z).divide(BigInteger.valueOf(n));
            sum = sum.add(term);
        }
        return sum;
    }
}
