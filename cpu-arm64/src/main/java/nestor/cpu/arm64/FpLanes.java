package nestor.cpu.arm64;

import nestor.cpu.arm64.Fp.Unpacked;

/** Floating point on one element, single or double by its size; scalar instructions use it too. */
final class FpLanes {
    private FpLanes() {}

    static long add(Arm64Cpu cpu, int e, long d, long n, long m) {
        return FpArithmetic.add(cpu, e, n, m);
    }

    static long subtract(Arm64Cpu cpu, int e, long d, long n, long m) {
        return FpArithmetic.subtract(cpu, e, n, m);
    }

    static long multiply(Arm64Cpu cpu, int e, long d, long n, long m) {
        return FpArithmetic.multiply(cpu, e, n, m);
    }

    /** FNMUL. */
    static long multiplyNegated(Arm64Cpu cpu, int e, long d, long n, long m) {
        return FpArithmetic.multiply(cpu, e, n, m) ^ 1L << (e - 1);
    }

    /** FMULX: infinity times zero is two. */
    static long multiplyExtended(Arm64Cpu cpu, int e, long d, long n, long m) {
        FpFormat format = FpFormat.of(e);
        Unpacked x = Fp.unpack(cpu, format, n);
        Unpacked y = Fp.unpack(cpu, format, m);
        if (x.isInfinite() && y.isZero() || x.isZero() && y.isInfinite()) {
            return format.power(x.negative() ^ y.negative(), 1);
        }
        return FpArithmetic.multiply(cpu, e, n, m);
    }

    static long divide(Arm64Cpu cpu, int e, long d, long n, long m) {
        return FpArithmetic.divide(cpu, e, n, m);
    }

    static long multiplyAdd(Arm64Cpu cpu, int e, long d, long n, long m) {
        return FpArithmetic.multiplyAdd(cpu, e, d, n, m);
    }

    static long multiplySubtract(Arm64Cpu cpu, int e, long d, long n, long m) {
        return FpArithmetic.multiplyAdd(cpu, e, d, n ^ 1L << (e - 1), m);
    }

    static long squareRoot(Arm64Cpu cpu, int e, long d, long n, long m) {
        return FpArithmetic.squareRoot(cpu, e, n);
    }

    static long absolute(Arm64Cpu cpu, int e, long d, long n, long m) {
        return n & ~(1L << (e - 1));
    }

    static long negate(Arm64Cpu cpu, int e, long d, long n, long m) {
        return n ^ 1L << (e - 1);
    }

    static long move(Arm64Cpu cpu, int e, long d, long n, long m) {
        return n;
    }

    static long absoluteDifference(Arm64Cpu cpu, int e, long d, long n, long m) {
        return absolute(cpu, e, d, FpArithmetic.subtract(cpu, e, n, m), m);
    }

    static long reciprocalStep(Arm64Cpu cpu, int e, long d, long n, long m) {
        return FpArithmetic.step(cpu, FpFormat.of(e), n, m, 2, 0);
    }

    static long reciprocalRootStep(Arm64Cpu cpu, int e, long d, long n, long m) {
        return FpArithmetic.step(cpu, FpFormat.of(e), n, m, 3, 1);
    }

    static long reciprocalEstimate(Arm64Cpu cpu, int e, long d, long n, long m) {
        return FpEstimate.reciprocal(cpu, FpFormat.of(e), n);
    }

    static long reciprocalRootEstimate(Arm64Cpu cpu, int e, long d, long n, long m) {
        return FpEstimate.reciprocalRoot(cpu, FpFormat.of(e), n);
    }

    /** FRECPX. */
    static long reciprocalExponent(Arm64Cpu cpu, int e, long d, long n, long m) {
        FpFormat format = FpFormat.of(e);
        Unpacked x = Fp.unpack(cpu, format, n);
        if (x.isNan()) {
            return Fp.processNan(cpu, format, n);
        }
        long top = format.topExponent();
        long exponent = n >>> format.fractionBits() & top;
        long result = exponent == 0 ? top - 1 : ~exponent & top;
        return format.zero(x.negative()) | result << format.fractionBits();
    }

    static long max(Arm64Cpu cpu, int e, long d, long n, long m) {
        return FpCompare.max(cpu, FpFormat.of(e), n, m);
    }

    static long min(Arm64Cpu cpu, int e, long d, long n, long m) {
        return FpCompare.min(cpu, FpFormat.of(e), n, m);
    }

    static long maxNumber(Arm64Cpu cpu, int e, long d, long n, long m) {
        return FpCompare.maxNumber(cpu, FpFormat.of(e), n, m);
    }

    static long minNumber(Arm64Cpu cpu, int e, long d, long n, long m) {
        return FpCompare.minNumber(cpu, FpFormat.of(e), n, m);
    }

    static long compareEqual(Arm64Cpu cpu, int e, long d, long n, long m) {
        int flags = FpCompare.compare(cpu, FpFormat.of(e), n, m, false);
        return IntegerLanes.truth(flags == FpCompare.EQUAL);
    }

    static long compareGreater(Arm64Cpu cpu, int e, long d, long n, long m) {
        int flags = FpCompare.compare(cpu, FpFormat.of(e), n, m, true);
        return IntegerLanes.truth(flags == FpCompare.GREATER);
    }

    static long compareGreaterEqual(Arm64Cpu cpu, int e, long d, long n, long m) {
        int flags = FpCompare.compare(cpu, FpFormat.of(e), n, m, true);
        return IntegerLanes.truth(flags == FpCompare.GREATER || flags == FpCompare.EQUAL);
    }

    static long compareLess(Arm64Cpu cpu, int e, long d, long n, long m) {
        return compareGreater(cpu, e, d, m, n);
    }

    static long compareLessEqual(Arm64Cpu cpu, int e, long d, long n, long m) {
        return compareGreaterEqual(cpu, e, d, m, n);
    }

    static long absoluteCompareGreater(Arm64Cpu cpu, int e, long d, long n, long m) {
        return compareGreater(cpu, e, d, absolute(cpu, e, d, n, m), absolute(cpu, e, d, m, m));
    }

    static long absoluteCompareGreaterEqual(Arm64Cpu cpu, int e, long d, long n, long m) {
        return compareGreaterEqual(cpu, e, d, absolute(cpu, e, d, n, m), absolute(cpu, e, d, m, m));
    }

    // FRINT*

    private static long round(Arm64Cpu cpu, int e, long n, int mode) {
        return FpConvert.roundIntegral(cpu, FpFormat.of(e), n, mode, false);
    }

    static long roundNearest(Arm64Cpu cpu, int e, long d, long n, long m) {
        return round(cpu, e, n, Fp.TIE_EVEN);
    }

    static long roundPlus(Arm64Cpu cpu, int e, long d, long n, long m) {
        return round(cpu, e, n, Fp.PLUS_INFINITY);
    }

    static long roundMinus(Arm64Cpu cpu, int e, long d, long n, long m) {
        return round(cpu, e, n, Fp.MINUS_INFINITY);
    }

    static long roundZero(Arm64Cpu cpu, int e, long d, long n, long m) {
        return round(cpu, e, n, Fp.TOWARD_ZERO);
    }

    static long roundAway(Arm64Cpu cpu, int e, long d, long n, long m) {
        return round(cpu, e, n, Fp.TIE_AWAY);
    }

    static long roundCurrent(Arm64Cpu cpu, int e, long d, long n, long m) {
        return round(cpu, e, n, Fp.roundingMode(cpu));
    }

    static long roundExact(Arm64Cpu cpu, int e, long d, long n, long m) {
        return FpConvert.roundIntegral(cpu, FpFormat.of(e), n, Fp.roundingMode(cpu), true);
    }

    // To and from integers as wide as the number; m is the number of fraction bits.

    private static long toSigned(Arm64Cpu cpu, int e, long n, long m, int mode) {
        return FpConvert.toFixed(cpu, FpFormat.of(e), n, (int) m, false, mode, e);
    }

    private static long toUnsigned(Arm64Cpu cpu, int e, long n, long m, int mode) {
        return FpConvert.toFixed(cpu, FpFormat.of(e), n, (int) m, true, mode, e);
    }

    static long toSignedNearest(Arm64Cpu cpu, int e, long d, long n, long m) {
        return toSigned(cpu, e, n, m, Fp.TIE_EVEN);
    }

    static long toSignedPlus(Arm64Cpu cpu, int e, long d, long n, long m) {
        return toSigned(cpu, e, n, m, Fp.PLUS_INFINITY);
    }

    static long toSignedMinus(Arm64Cpu cpu, int e, long d, long n, long m) {
        return toSigned(cpu, e, n, m, Fp.MINUS_INFINITY);
    }

    static long toSignedTowardZero(Arm64Cpu cpu, int e, long d, long n, long m) {
        return toSigned(cpu, e, n, m, Fp.TOWARD_ZERO);
    }

    static long toSignedAway(Arm64Cpu cpu, int e, long d, long n, long m) {
        return toSigned(cpu, e, n, m, Fp.TIE_AWAY);
    }

    static long toUnsignedNearest(Arm64Cpu cpu, int e, long d, long n, long m) {
        return toUnsigned(cpu, e, n, m, Fp.TIE_EVEN);
    }

    static long toUnsignedPlus(Arm64Cpu cpu, int e, long d, long n, long m) {
        return toUnsigned(cpu, e, n, m, Fp.PLUS_INFINITY);
    }

    static long toUnsignedMinus(Arm64Cpu cpu, int e, long d, long n, long m) {
        return toUnsigned(cpu, e, n, m, Fp.MINUS_INFINITY);
    }

    static long toUnsignedTowardZero(Arm64Cpu cpu, int e, long d, long n, long m) {
        return toUnsigned(cpu, e, n, m, Fp.TOWARD_ZERO);
    }

    static long toUnsignedAway(Arm64Cpu cpu, int e, long d, long n, long m) {
        return toUnsigned(cpu, e, n, m, Fp.TIE_AWAY);
    }

    static long fromSigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        return FpConvert.fromFixed(cpu, FpFormat.of(e), Lanes.signed(n, e), (int) m, false);
    }

    static long fromUnsigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        return FpConvert.fromFixed(cpu, FpFormat.of(e), n, (int) m, true);
    }

    // Between formats; e is the narrower one.

    /** FCVTN. */
    static long narrow(Arm64Cpu cpu, int e, long d, long n, long m) {
        return FpConvert.convert(cpu, FpFormat.of(2 * e), FpFormat.of(e), n, Fp.roundingMode(cpu));
    }

    /** FCVTXN. */
    static long narrowToOdd(Arm64Cpu cpu, int e, long d, long n, long m) {
        return FpConvert.convert(cpu, FpFormat.DOUBLE, FpFormat.SINGLE, n, Fp.TO_ODD);
    }

    /** FCVTL. */
    static long widen(Arm64Cpu cpu, int e, long d, long n, long m) {
        return FpConvert.convert(cpu, FpFormat.of(e), FpFormat.of(2 * e), n, Fp.roundingMode(cpu));
    }
}
