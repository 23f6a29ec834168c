package nestor.cpu.x86;

import java.math.BigInteger;
import org.jspecify.annotations.Nullable;

/**
 * The transcendental instructions (1 §8.3.7 to §8.3.10): F2XM1, FYL2X, FYL2XP1, FPATAN, FSIN, FCOS,
 * FSINCOS, FPTAN. Angles are reduced by the 66-bit pi of §8.3.8; then the result is the exact one,
 * rounded as the control word says, which is more than the one ulp that §8.3.10 asks for. Precision
 * control does not matter.
 */
final class X87Functions {
    private static final SoftFloat.Format EXTENDED = SoftFloat.Format.EXTENDED;

    /** Below 2^this an odd function is its argument, but for a rounding. */
    private static final int TINY = -80;

    /** Magnitudes from 2^this on are out of range for an angle (1 §8.3.8). */
    private static final int ANGLE_LIMIT = 63;

    /** pi as processors have it, times 2^66. */
    private static final BigInteger PI_66 = new BigInteger("c90fdaa22168c234c", 16);

    private static final int PI_66_POINT = 66;

    private X87Functions() {}

    /** F2XM1: 2 to the ST(0), minus 1; outside -1 to 1 the result is undefined, and ST(0) here. */
    static void powerMinusOne(X86Cpu cpu) {
        SoftFloat soft = X87Registers.begin(cpu);
        FloatNumber x = soft.a;
        X87Registers.get(cpu, 0, x);
        soft.b.fromInteger(0);
        if (!soft.special(false)) {
            soft.result.set(x);
            boolean below = x.negative && x.kind == FloatNumber.INFINITY;
            if (below || x.negative && isOne(x)) {
                soft.result.fromInteger(-1);
                soft.result.exponent = below ? 0 : -1;
            } else if (x.kind == FloatNumber.FINITE && x.exponent < TINY) {
                BigInteger exact = significand(x).multiply(FixedPoint.LN2);
                round(soft, x.negative, exact, FixedPoint.BITS + 63 - x.exponent, true);
            } else if (x.kind == FloatNumber.FINITE && x.exponent < 0) {
                BigInteger angle = FixedPoint.times(signed(x), FixedPoint.LN2);
                BigInteger power = FixedPoint.exponentialMinusOne(angle);
                round(soft, power.signum() < 0, power.abs(), FixedPoint.BITS, true);
            }
        }
        if (X87Registers.commit(cpu)) {
            X87Registers.set(cpu, 0, soft.result);
        }
    }

    private static boolean isOne(FloatNumber x) {
        return x.kind == FloatNumber.FINITE
                && x.exponent == 0
                && x.significand == FloatNumber.INTEGER_BIT;
    }

    /** FYL2X: ST(1) times the binary logarithm of ST(0); pops. */
    static void logarithm(X86Cpu cpu) {
        SoftFloat soft = beginPair(cpu);
        FloatNumber x = soft.b;
        FloatNumber y = soft.a;
        boolean negative = x.negative && x.kind != FloatNumber.ZERO;
        boolean zeroTimesInfinity =
                y.kind == FloatNumber.ZERO
                                && (x.kind == FloatNumber.ZERO || x.kind == FloatNumber.INFINITY)
                        || y.kind == FloatNumber.INFINITY && isOne(x);
        if (!soft.special(negative || zeroTimesInfinity)) {
            boolean small = x.kind == FloatNumber.ZERO || x.exponent < 0;
            boolean sign = y.negative != (small && x.kind != FloatNumber.INFINITY);
            if (x.kind != FloatNumber.FINITE || y.kind == FloatNumber.INFINITY) {
                boolean divides = x.kind == FloatNumber.ZERO && y.kind == FloatNumber.FINITE;
                soft.flags |= divides ? SoftFloat.ZERO_DIVIDE : 0;
                soft.setInfinity(sign);
            } else if (y.kind == FloatNumber.ZERO || isOne(x)) {
                soft.setZero(isOne(x) ? y.negative : sign);
            } else {
                product(soft, y, binaryLogarithm(x), isPowerOfTwo(x));
            }
        }
        finishPair(cpu);
    }

    private static boolean isPowerOfTwo(FloatNumber x) {
        return x.significand == FloatNumber.INTEGER_BIT;
    }

    /** Of a finite positive number; exact if that is a power of two. */
    private static BigInteger binaryLogarithm(FloatNumber x) {
        BigInteger whole = BigInteger.valueOf(x.exponent).shiftLeft(FixedPoint.BITS);
        if (isPowerOfTwo(x)) {
            return whole;
        }
        BigInteger mantissa = significand(x).shiftLeft(FixedPoint.BITS - 63);
        if (Long.compareUnsigned(x.significand, 0xb504_f333_f9de_6484L) > 0) { // the root of 2
            mantissa = mantissa.shiftRight(1);
            whole = whole.add(FixedPoint.ONE);
        }
        BigInteger z =
                FixedPoint.over(mantissa.subtract(FixedPoint.ONE), mantissa.add(FixedPoint.ONE));
        BigInteger natural = FixedPoint.artanh(z).shiftLeft(1);
        return whole.add(FixedPoint.over(natural, FixedPoint.LN2));
    }

    /** FYL2XP1: as FYL2X of ST(0) plus 1; from 1-1/sqrt(2) on undefined, and ST(1) here. */
    static void logarithmOfOneMore(X86Cpu cpu) {
        SoftFloat soft = beginPair(cpu);
        FloatNumber x = soft.b;
        FloatNumber y = soft.a;
        boolean infinite = x.kind == FloatNumber.INFINITY;
        boolean invalid =
                infinite && (x.negative || y.kind == FloatNumber.ZERO)
                        || y.kind == FloatNumber.INFINITY && x.kind == FloatNumber.ZERO;
        if (!soft.special(invalid)) {
            boolean sign = y.negative != x.negative;
            if (infinite || y.kind == FloatNumber.INFINITY) {
                soft.setInfinity(sign);
            } else if (x.kind == FloatNumber.ZERO || y.kind == FloatNumber.ZERO) {
                soft.setZero(sign);
            } else if (x.exponent >= -1) {
                soft.result.set(y);
            } else if (x.exponent < TINY) {
                BigInteger exact = significand(x).multiply(significand(y));
                BigInteger over = FixedPoint.over(exact, FixedPoint.LN2);
                round(soft, sign, over.shiftLeft(64), 64 + 126 - x.exponent - y.exponent, true);
            } else {
                BigInteger z = signed(x);
                BigInteger half = FixedPoint.over(z, z.add(FixedPoint.ONE.shiftLeft(1)));
                BigInteger natural = FixedPoint.artanh(half).shiftLeft(1);
                product(soft, y, FixedPoint.over(natural, FixedPoint.LN2), false);
            }
        }
        finishPair(cpu);
    }

    private static void product(SoftFloat soft, FloatNumber y, BigInteger factor, boolean exact) {
        round(
                soft,
                y.negative != factor.signum() < 0,
                factor.abs().multiply(significand(y)),
                FixedPoint.BITS + 63 - y.exponent,
                !exact);
    }

    /** FPATAN: the angle of the point (ST(0), ST(1)); pops. */
    static void arcTangent(X86Cpu cpu) {
        SoftFloat soft = beginPair(cpu);
        FloatNumber x = soft.b;
        FloatNumber y = soft.a;
        if (!soft.special(false)) {
            boolean sign = y.negative;
            boolean flat =
                    y.kind == FloatNumber.ZERO
                            || x.kind == FloatNumber.INFINITY && y.kind != FloatNumber.INFINITY;
            if (flat && !x.negative) {
                soft.setZero(sign);
            } else if (flat) {
                round(soft, sign, FixedPoint.PI, FixedPoint.BITS, true);
            } else if (x.kind == FloatNumber.ZERO || y.kind == FloatNumber.INFINITY) {
                int eighths = x.kind != FloatNumber.INFINITY ? 4 : x.negative ? 6 : 2;
                BigInteger angle = FixedPoint.PI.multiply(BigInteger.valueOf(eighths));
                round(soft, sign, angle, FixedPoint.BITS + 3, true);
            } else {
                angle(soft, x, y);
            }
        }
        finishPair(cpu);
    }

    private static void angle(SoftFloat soft, FloatNumber x, FloatNumber y) {
        int difference = y.exponent - x.exponent;
        if (difference < TINY && !x.negative) {
            BigInteger quotient = significand(y).shiftLeft(FixedPoint.BITS).divide(significand(x));
            boolean exact =
                    quotient.multiply(significand(x))
                            .equals(significand(y).shiftLeft(FixedPoint.BITS));
            BigInteger less = exact ? quotient.subtract(BigInteger.ONE) : quotient;
            round(soft, y.negative, less, FixedPoint.BITS - difference, true);
            return;
        }
        boolean steep =
                difference > 0
                        || difference == 0
                                && Long.compareUnsigned(y.significand, x.significand) > 0;
        BigInteger low = steep ? significand(x) : significand(y);
        BigInteger high = steep ? significand(y) : significand(x);
        int down = Math.min(Math.abs(difference), FixedPoint.BITS);
        BigInteger ratio = low.shiftLeft(FixedPoint.BITS - down).divide(high);
        BigInteger angle = FixedPoint.arctan(ratio);
        if (steep) {
            angle = FixedPoint.PI.shiftRight(1).subtract(angle);
        }
        if (x.negative) {
            angle = FixedPoint.PI.subtract(angle);
        }
        round(soft, y.negative, angle, FixedPoint.BITS, true);
    }

    /** FSIN and FCOS. */
    static void sineOrCosine(X86Cpu cpu, boolean cosine) {
        SoftFloat soft = beginAngle(cpu);
        if (soft == null) {
            return;
        }
        if (!soft.special(soft.a.kind == FloatNumber.INFINITY)) {
            Angle angle = Angle.of(soft.a);
            if (cosine) {
                angle.cosine(soft);
            } else {
                angle.sine(soft);
            }
        }
        if (X87Registers.commit(cpu)) {
            X87Registers.set(cpu, 0, soft.result);
        }
    }

    /** FSINCOS: the sine takes the place of ST(0), the cosine is pushed. */
    static void sineAndCosine(X86Cpu cpu) {
        SoftFloat soft = beginAngle(cpu);
        if (soft == null) {
            return;
        }
        FloatNumber sine = new FloatNumber();
        if (soft.special(soft.a.kind == FloatNumber.INFINITY)) {
            sine.set(soft.result);
        } else {
            Angle angle = Angle.of(soft.a);
            angle.sine(soft);
            sine.set(soft.result);
            angle.cosine(soft);
        }
        X87Registers.setAndPush(cpu, sine, soft.result);
    }

    /** FPTAN: the tangent takes the place of ST(0), 1 is pushed. */
    static void tangent(X86Cpu cpu) {
        SoftFloat soft = beginAngle(cpu);
        if (soft == null) {
            return;
        }
        FloatNumber tangent = new FloatNumber();
        if (soft.special(soft.a.kind == FloatNumber.INFINITY)) {
            tangent.set(soft.result);
        } else {
            Angle.of(soft.a).tangent(soft);
            tangent.set(soft.result);
            soft.result.fromInteger(1);
        }
        X87Registers.setAndPush(cpu, tangent, soft.result);
    }

    /** Reads ST(0) into {@code a}; null if it is out of range, which C2 tells. */
    private static @Nullable SoftFloat beginAngle(X86Cpu cpu) {
        SoftFloat soft = X87Registers.begin(cpu);
        cpu.x87.status &= ~X87Registers.C2;
        X87Registers.get(cpu, 0, soft.a);
        soft.b.fromInteger(0);
        if (soft.a.kind == FloatNumber.FINITE && soft.a.exponent >= ANGLE_LIMIT) {
            cpu.x87.status |= X87Registers.C2;
            return null;
        }
        return soft;
    }

    /** An angle as a multiple of a right one and a rest of at most half a right one. */
    private record Angle(FloatNumber given, int quadrant, BigInteger rest) {
        static Angle of(FloatNumber x) {
            if (x.kind == FloatNumber.ZERO || x.exponent < TINY) {
                return new Angle(x, 0, BigInteger.ZERO);
            }
            BigInteger magnitude = significand(x).shiftLeft(FixedPoint.BITS - 63 + x.exponent);
            BigInteger right = PI_66.shiftLeft(FixedPoint.BITS - PI_66_POINT - 1);
            BigInteger[] parts = magnitude.add(right.shiftRight(1)).divideAndRemainder(right);
            BigInteger rest = parts[1].subtract(right.shiftRight(1));
            int quadrant = parts[0].intValue() & 3;
            return x.negative
                    ? new Angle(x, -quadrant & 3, rest.negate())
                    : new Angle(x, quadrant, rest);
        }

        private boolean isTiny() {
            return rest.signum() == 0;
        }

        void sine(SoftFloat soft) {
            if (isTiny()) {
                itself(soft, -1);
            } else {
                atQuadrant(soft, quadrant);
            }
        }

        void cosine(SoftFloat soft) {
            if (isTiny()) {
                BigInteger less = FixedPoint.ONE.subtract(BigInteger.ONE);
                if (given.kind == FloatNumber.ZERO) {
                    soft.result.fromInteger(1);
                } else {
                    round(soft, false, less, FixedPoint.BITS, true);
                }
            } else {
                atQuadrant(soft, quadrant + 1 & 3);
            }
        }

        private void atQuadrant(SoftFloat soft, int number) {
            BigInteger value = (number & 1) == 0 ? FixedPoint.sine(rest) : FixedPoint.cosine(rest);
            boolean negative = value.signum() < 0 != number >= 2;
            round(soft, negative, value.abs(), FixedPoint.BITS, true);
        }

        void tangent(SoftFloat soft) {
            if (isTiny()) {
                itself(soft, 1);
                return;
            }
            BigInteger sine = FixedPoint.sine(rest);
            BigInteger cosine = FixedPoint.cosine(rest);
            BigInteger value =
                    (quadrant & 1) == 0
                            ? FixedPoint.over(sine, cosine)
                            : FixedPoint.over(cosine, sine).negate();
            round(soft, value.signum() < 0, value.abs(), FixedPoint.BITS, true);
        }

        /** The argument, and a little more or less. */
        private void itself(SoftFloat soft, int direction) {
            soft.result.set(given);
            if (given.kind != FloatNumber.ZERO) {
                BigInteger shifted = significand(given).shiftLeft(TINY_GUARD);
                BigInteger near = direction < 0 ? shifted.subtract(BigInteger.ONE) : shifted;
                round(soft, given.negative, near, TINY_GUARD + 63 - given.exponent, true);
            }
        }
    }

    private static final int TINY_GUARD = 100;

    private static SoftFloat beginPair(X86Cpu cpu) {
        SoftFloat soft = X87Registers.begin(cpu);
        X87Registers.get(cpu, 0, soft.b);
        X87Registers.get(cpu, 1, soft.a);
        return soft;
    }

    private static void finishPair(X86Cpu cpu) {
        if (X87Registers.commit(cpu)) {
            X87Registers.set(cpu, 1, cpu.soft.result);
            X87Registers.pop(cpu);
        }
    }

    private static BigInteger significand(FloatNumber x) {
        return new BigInteger(Long.toUnsignedString(x.significand));
    }

    /** In fixed point; what lies below is cut off. */
    private static BigInteger signed(FloatNumber x) {
        BigInteger magnitude = significand(x).shiftLeft(FixedPoint.BITS - 63 + x.exponent);
        return x.negative ? magnitude.negate() : magnitude;
    }

    /** Rounds {@code magnitude / 2^point}, of which more bits follow if it is not exact. */
    private static void round(
            SoftFloat soft, boolean negative, BigInteger magnitude, int point, boolean more) {
        int length = magnitude.bitLength();
        BigInteger wide = length < 128 ? magnitude.shiftLeft(128 - length) : magnitude;
        int drop = wide.bitLength() - 128;
        BigInteger top = wide.shiftRight(drop);
        boolean sticky = more || wide.getLowestSetBit() < drop;
        long high = top.shiftRight(64).longValue();
        long low = top.longValue() | (sticky ? 1 : 0);
        soft.round(EXTENDED, negative, length - 1 - point, high, low);
    }
}
