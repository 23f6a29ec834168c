package nestor.cpu.x86;

import java.math.BigInteger;

/** FPREM, FPREM1, FRNDINT, FSCALE and FXTRACT (1 §8.3.6): all exact but for FRNDINT. */
final class X87Scaling {
    private static final SoftFloat.Format EXTENDED = SoftFloat.Format.EXTENDED;

    /** From this difference of exponents on the remainder is a partial one. */
    private static final int COMPLETE = 64;

    /** What a partial remainder takes off the difference at least. */
    private static final int STEP = 32;

    /** More than any exponent can be changed by. */
    private static final int FAR = 0x1_0000;

    private X87Scaling() {}

    /** FPREM and, {@code nearest}, FPREM1: the rest of ST(0) divided by ST(1). */
    static void remainder(X86Cpu cpu, boolean nearest) {
        SoftFloat soft = X87Registers.begin(cpu);
        X87Registers.get(cpu, 0, soft.a);
        X87Registers.get(cpu, 1, soft.b);
        int conditions = 0;
        FloatNumber a = soft.a;
        FloatNumber b = soft.b;
        if (!soft.special(a.kind == FloatNumber.INFINITY || b.kind == FloatNumber.ZERO)) {
            soft.result.set(a);
            if (a.kind == FloatNumber.FINITE && b.kind == FloatNumber.FINITE) {
                conditions = finite(soft, nearest);
            }
        }
        if (X87Registers.commit(cpu)) {
            X87Registers.set(cpu, 0, soft.result);
            cpu.x87.status = cpu.x87.status & ~X87Registers.CONDITIONS | conditions;
        }
    }

    /** Returns C0, C3 and C1: the low bits of the quotient; or C2: there is more to do. */
    private static int finite(SoftFloat soft, boolean nearest) {
        FloatNumber a = soft.a;
        FloatNumber b = soft.b;
        int difference = a.exponent - b.exponent;
        if (difference < -1 || difference < 0 && !nearest) {
            round(soft, a.negative, a.exponent, significand(a), 63);
            return 0;
        }
        boolean partial = difference >= COMPLETE;
        int up = partial ? STEP + difference % STEP : Math.max(difference, 0);
        BigInteger divisor = significand(b).shiftLeft(difference < 0 ? 1 : 0);
        BigInteger[] parts = significand(a).shiftLeft(up).divideAndRemainder(divisor);
        BigInteger rest = parts[1];
        int quotient = parts[0].intValue();
        boolean negative = a.negative;
        if (nearest && !partial) {
            int order = rest.shiftLeft(1).compareTo(divisor);
            if (order > 0 || order == 0 && (quotient & 1) != 0) {
                rest = divisor.subtract(rest);
                negative = !negative;
                quotient++;
            }
        }
        if (rest.signum() == 0) {
            soft.setZero(a.negative);
        } else {
            round(soft, negative, a.exponent, rest, 63 + up);
        }
        return partial
                ? X87Registers.C2
                : ((quotient & 4) != 0 ? X87Registers.C0 : 0)
                        | ((quotient & 2) != 0 ? X87Registers.C3 : 0)
                        | ((quotient & 1) != 0 ? X87Registers.C1 : 0);
    }

    /** Rounds {@code magnitude * 2^(exponent-point)}, of at most 64 bits. */
    private static void round(
            SoftFloat soft, boolean negative, int exponent, BigInteger magnitude, int point) {
        int length = magnitude.bitLength();
        long high = magnitude.longValue() << 64 - length;
        soft.round(EXTENDED, negative, exponent - point + length - 1, high, 0);
    }

    private static BigInteger significand(FloatNumber x) {
        return new BigInteger(Long.toUnsignedString(x.significand));
    }

    /** FRNDINT. */
    static void roundToInteger(X86Cpu cpu) {
        SoftFloat soft = X87Registers.begin(cpu);
        X87Registers.get(cpu, 0, soft.a);
        soft.roundToInteger();
        if (X87Registers.commit(cpu)) {
            X87Registers.set(cpu, 0, soft.result);
        }
    }

    /** FSCALE: ST(0) times 2 to the integer part of ST(1). */
    static void scale(X86Cpu cpu) {
        SoftFloat soft = X87Registers.begin(cpu);
        FloatNumber a = soft.a;
        FloatNumber b = soft.b;
        X87Registers.get(cpu, 0, a);
        X87Registers.get(cpu, 1, b);
        boolean infinite = b.kind == FloatNumber.INFINITY;
        int undone = b.negative ? FloatNumber.INFINITY : FloatNumber.ZERO;
        if (!soft.special(infinite && a.kind == undone)) {
            soft.result.set(a);
            if (infinite && b.negative) {
                soft.setZero(a.negative);
            } else if (infinite) {
                soft.setInfinity(a.negative);
            } else if (a.kind == FloatNumber.FINITE) {
                soft.round(EXTENDED, a.negative, a.exponent + whole(b), a.significand, 0);
            }
        }
        if (X87Registers.commit(cpu)) {
            X87Registers.set(cpu, 0, soft.result);
        }
    }

    /** The integer part, which need not be right if it is out of all bounds. */
    private static int whole(FloatNumber b) {
        if (b.kind == FloatNumber.ZERO || b.exponent < 0) {
            return 0;
        }
        int magnitude = b.exponent >= 16 ? FAR : (int) (b.significand >>> 63 - b.exponent);
        return b.negative ? -magnitude : magnitude;
    }

    /** FXTRACT: the exponent takes the place of ST(0), the significand is pushed. */
    static void extract(X86Cpu cpu) {
        SoftFloat soft = X87Registers.begin(cpu);
        FloatNumber a = soft.a;
        X87Registers.get(cpu, 0, a);
        soft.b.fromInteger(0);
        FloatNumber exponent = soft.b;
        if (soft.special(false)) {
            exponent.set(soft.result);
        } else {
            soft.result.set(a);
            switch (a.kind) {
                case FloatNumber.ZERO -> {
                    soft.flags |= SoftFloat.ZERO_DIVIDE;
                    exponent.kind = FloatNumber.INFINITY;
                    exponent.negative = true;
                }
                case FloatNumber.INFINITY -> {
                    exponent.kind = FloatNumber.INFINITY;
                    exponent.negative = false;
                }
                default -> {
                    exponent.fromInteger(a.exponent);
                    soft.result.exponent = 0;
                }
            }
        }
        X87Registers.setAndPush(cpu, exponent, soft.result);
    }
}
