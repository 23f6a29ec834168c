package nestor.cpu.arm64;

import nestor.cpu.arm64.Fp.Unpacked;

/**
 * Addition, multiplication, fused multiply-add, division and square root (§J1), exact and rounded
 * once. The common case (nearest even, the inexact flag already set, a result far from the limits
 * of its format) is the host's arithmetic.
 */
final class FpArithmetic {
    private static final long FAST_CONTROLS = Fp.RMODE | Fp.FZ;
    private static final long DOUBLE_EXPONENT = 0x7ffL << 52;
    private static final int SINGLE_EXPONENT = 0xff << 23;

    private FpArithmetic() {}

    /** Whether host arithmetic shows nothing but the right result. */
    private static boolean fast(Arm64Cpu cpu) {
        return (cpu.fpcr & FAST_CONTROLS) == 0 && (cpu.fpsr & Fp.IXC) != 0;
    }

    /** Neither zero, tiny, infinite nor NaN: so was no operand that matters. */
    private static boolean plain(long result) {
        long exponent = result & DOUBLE_EXPONENT;
        return exponent > 1L << 52 && exponent != DOUBLE_EXPONENT;
    }

    private static boolean plain(int result) {
        int exponent = result & SINGLE_EXPONENT;
        return exponent > 1 << 23 && exponent != SINGLE_EXPONENT;
    }

    static long add(Arm64Cpu cpu, int esize, long a, long b) {
        if (fast(cpu)) {
            if (esize == 64) {
                double sum = Double.longBitsToDouble(a) + Double.longBitsToDouble(b);
                long result = Double.doubleToRawLongBits(sum);
                if (plain(result)) {
                    return result;
                }
            } else {
                float sum = Float.intBitsToFloat((int) a) + Float.intBitsToFloat((int) b);
                int result = Float.floatToRawIntBits(sum);
                if (plain(result)) {
                    return result & 0xffff_ffffL;
                }
            }
        }
        return addExactly(cpu, FpFormat.of(esize), a, b, false);
    }

    static long subtract(Arm64Cpu cpu, int esize, long a, long b) {
        if (fast(cpu)) {
            if (esize == 64) {
                double difference = Double.longBitsToDouble(a) - Double.longBitsToDouble(b);
                long result = Double.doubleToRawLongBits(difference);
                if (plain(result)) {
                    return result;
                }
            } else {
                float difference = Float.intBitsToFloat((int) a) - Float.intBitsToFloat((int) b);
                int result = Float.floatToRawIntBits(difference);
                if (plain(result)) {
                    return result & 0xffff_ffffL;
                }
            }
        }
        return addExactly(cpu, FpFormat.of(esize), a, b, true);
    }

    static long multiply(Arm64Cpu cpu, int esize, long a, long b) {
        if (fast(cpu)) {
            if (esize == 64) {
                double product = Double.longBitsToDouble(a) * Double.longBitsToDouble(b);
                long result = Double.doubleToRawLongBits(product);
                if (plain(result)) {
                    return result;
                }
            } else {
                float product = Float.intBitsToFloat((int) a) * Float.intBitsToFloat((int) b);
                int result = Float.floatToRawIntBits(product);
                if (plain(result)) {
                    return result & 0xffff_ffffL;
                }
            }
        }
        return multiplyExactly(cpu, FpFormat.of(esize), a, b);
    }

    static long divide(Arm64Cpu cpu, int esize, long a, long b) {
        if (fast(cpu)) {
            if (esize == 64) {
                double quotient = Double.longBitsToDouble(a) / Double.longBitsToDouble(b);
                long result = Double.doubleToRawLongBits(quotient);
                if (plain(result)) {
                    return result;
                }
            } else {
                float quotient = Float.intBitsToFloat((int) a) / Float.intBitsToFloat((int) b);
                int result = Float.floatToRawIntBits(quotient);
                if (plain(result)) {
                    return result & 0xffff_ffffL;
                }
            }
        }
        return divideExactly(cpu, FpFormat.of(esize), a, b);
    }

    /** {@code addend + a * b}, rounded once. */
    static long multiplyAdd(Arm64Cpu cpu, int esize, long addend, long a, long b) {
        if (fast(cpu)) {
            if (esize == 64) {
                double sum =
                        Math.fma(
                                Double.longBitsToDouble(a),
                                Double.longBitsToDouble(b),
                                Double.longBitsToDouble(addend));
                long result = Double.doubleToRawLongBits(sum);
                if (plain(result)) {
                    return result;
                }
            } else {
                float sum =
                        Math.fma(
                                Float.intBitsToFloat((int) a),
                                Float.intBitsToFloat((int) b),
                                Float.intBitsToFloat((int) addend));
                int result = Float.floatToRawIntBits(sum);
                if (plain(result)) {
                    return result & 0xffff_ffffL;
                }
            }
        }
        return multiplyAddExactly(cpu, FpFormat.of(esize), addend, a, b);
    }

    static long squareRoot(Arm64Cpu cpu, int esize, long a) {
        if (fast(cpu) && esize == 64) {
            long result = Double.doubleToRawLongBits(Math.sqrt(Double.longBitsToDouble(a)));
            if (plain(result)) {
                return result;
            }
        }
        return squareRootExactly(cpu, FpFormat.of(esize), a);
    }

    /** FPAdd, FPSub. */
    private static long addExactly(
            Arm64Cpu cpu, FpFormat format, long a, long b, boolean subtract) {
        Unpacked x = Fp.unpack(cpu, format, a);
        Unpacked y = Fp.unpack(cpu, format, b);
        if (x.isNan() || y.isNan()) {
            return Fp.processNans(cpu, format, a, b);
        }
        boolean negative = y.negative() ^ subtract;
        if (x.isInfinite() && y.isInfinite() && x.negative() != negative) {
            return Fp.invalid(cpu, format);
        }
        if (x.isInfinite() || y.isInfinite()) {
            return format.infinity(x.isInfinite() ? x.negative() : negative);
        }
        if (x.isZero() && y.isZero() && x.negative() == negative) {
            return format.zero(negative);
        }
        return WideSum.of(x.negative(), x.exponent(), x.significand(), 0)
                .plus(negative, y.exponent(), y.significand(), 0)
                .round(cpu, format, 0);
    }

    /** FPMul. */
    private static long multiplyExactly(Arm64Cpu cpu, FpFormat format, long a, long b) {
        Unpacked x = Fp.unpack(cpu, format, a);
        Unpacked y = Fp.unpack(cpu, format, b);
        if (x.isNan() || y.isNan()) {
            return Fp.processNans(cpu, format, a, b);
        }
        boolean negative = x.negative() ^ y.negative();
        if (x.isInfinite() && y.isZero() || x.isZero() && y.isInfinite()) {
            return Fp.invalid(cpu, format);
        }
        if (x.isInfinite() || y.isInfinite()) {
            return format.infinity(negative);
        }
        if (x.isZero() || y.isZero()) {
            return format.zero(negative);
        }
        return WideSum.product(negative, x, y).round(cpu, format, 0);
    }

    /** FPMulAdd. */
    private static long multiplyAddExactly(
            Arm64Cpu cpu, FpFormat format, long addend, long a, long b) {
        Unpacked z = Fp.unpack(cpu, format, addend);
        Unpacked x = Fp.unpack(cpu, format, a);
        Unpacked y = Fp.unpack(cpu, format, b);
        boolean invalidProduct = x.isInfinite() && y.isZero() || x.isZero() && y.isInfinite();
        if (z.isNan() || x.isNan() || y.isNan()) {
            if (invalidProduct && !format.isSignallingNan(addend)) {
                return Fp.invalid(cpu, format);
            }
            return Fp.processNans(cpu, format, addend, a, b);
        }
        boolean negative = x.negative() ^ y.negative();
        boolean infiniteProduct = x.isInfinite() || y.isInfinite();
        if (invalidProduct || z.isInfinite() && infiniteProduct && z.negative() != negative) {
            return Fp.invalid(cpu, format);
        }
        if (z.isInfinite() || infiniteProduct) {
            return format.infinity(z.isInfinite() ? z.negative() : negative);
        }
        if (z.isZero() && (x.isZero() || y.isZero()) && z.negative() == negative) {
            return format.zero(negative);
        }
        return WideSum.product(negative, x, y)
                .plus(z.negative(), z.exponent(), z.significand(), 0)
                .round(cpu, format, 0);
    }

    /**
     * FPRecipStepFused and FPRSqrtStepFused: {@code (constant - a * b) / 2^halvings}.
     *
     * @param constant 2 or 3
     */
    static long step(Arm64Cpu cpu, FpFormat format, long a, long b, int constant, int halvings) {
        long first = a ^ format.signBit();
        Unpacked x = Fp.unpack(cpu, format, first);
        Unpacked y = Fp.unpack(cpu, format, b);
        if (x.isNan() || y.isNan()) {
            return Fp.processNans(cpu, format, first, b);
        }
        boolean negative = x.negative() ^ y.negative();
        WideSum sum = WideSum.of(false, 1, (long) constant << 61, 0);
        if (x.isInfinite() && !y.isZero() || y.isInfinite() && !x.isZero()) {
            return format.infinity(negative);
        }
        if (x.isInfinite() || y.isInfinite()) {
            return sum.round(cpu, format, -halvings);
        }
        WideSum product = WideSum.product(negative, x, y);
        return product.plus(false, 1, (long) constant << 61, 0).round(cpu, format, -halvings);
    }

    /** FPDiv. */
    private static long divideExactly(Arm64Cpu cpu, FpFormat format, long a, long b) {
        Unpacked x = Fp.unpack(cpu, format, a);
        Unpacked y = Fp.unpack(cpu, format, b);
        if (x.isNan() || y.isNan()) {
            return Fp.processNans(cpu, format, a, b);
        }
        if (x.isInfinite() && y.isInfinite() || x.isZero() && y.isZero()) {
            return Fp.invalid(cpu, format);
        }
        boolean negative = x.negative() ^ y.negative();
        if (x.isInfinite() || y.isZero()) {
            if (!x.isInfinite()) {
                cpu.fpsr |= Fp.DZC;
            }
            return format.infinity(negative);
        }
        if (x.isZero() || y.isInfinite()) {
            return format.zero(negative);
        }
        int exponent = x.exponent() - y.exponent();
        long rest = x.significand();
        long divisor = y.significand();
        if (rest < divisor) {
            rest <<= 1;
            exponent--;
        }
        long quotient = 0;
        for (int i = 0; i < 63; i++) {
            quotient <<= 1;
            if (Long.compareUnsigned(rest, divisor) >= 0) {
                rest -= divisor;
                quotient |= 1;
            }
            rest <<= 1;
        }
        quotient |= rest != 0 ? 1 : 0;
        return Fp.round(cpu, format, negative, exponent, quotient, Fp.roundingMode(cpu));
    }

    /** FPSqrt. */
    private static long squareRootExactly(Arm64Cpu cpu, FpFormat format, long a) {
        Unpacked x = Fp.unpack(cpu, format, a);
        if (x.isNan()) {
            return Fp.processNan(cpu, format, a);
        }
        if (x.isZero()) {
            return format.zero(x.negative());
        }
        if (x.negative()) {
            return Fp.invalid(cpu, format);
        }
        if (x.isInfinite()) {
            return format.infinity(false);
        }
        long scaled = x.significand() << (x.exponent() & 1);
        long targetHigh = scaled >>> 2;
        long targetLow = scaled << 62;
        long root = 0;
        boolean exact = false;
        for (long bit = 1L << 62; bit != 0; bit >>>= 1) {
            long candidate = root | bit;
            long high = Math.multiplyHigh(candidate, candidate);
            long low = candidate * candidate;
            int order =
                    high != targetHigh
                            ? Long.compare(high, targetHigh)
                            : Long.compareUnsigned(low, targetLow);
            if (order <= 0) {
                root = candidate;
                exact |= order == 0;
            }
        }
        root |= exact ? 0 : 1;
        return Fp.round(cpu, format, false, x.exponent() >> 1, root, Fp.roundingMode(cpu));
    }
}
