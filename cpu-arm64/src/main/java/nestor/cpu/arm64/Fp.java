package nestor.cpu.arm64;

/**
 * Unpacking, rounding and NaN processing (§J1 FPUnpack, FPRound, FPProcessNaNs) with the controls
 * of FPCR and the cumulative flags of FPSR. No exception is ever trapped.
 *
 * <p>FPCR bits that exist: AHP, DN, FZ, RMode.
 */
final class Fp {
    /** FPCR (§C5.2.8). */
    static final long AHP = 1L << 26;

    static final long DN = 1L << 25;
    static final long FZ = 1L << 24;
    static final long RMODE = 3L << 22;
    private static final int RMODE_SHIFT = 22;

    /** FPSR (§C5.2.9). */
    static final long IOC = 1;

    static final long DZC = 1 << 1;
    static final long OFC = 1 << 2;
    static final long UFC = 1 << 3;
    static final long IXC = 1 << 4;
    static final long IDC = 1 << 7;

    /** Rounding modes; the first four as RMode encodes them. */
    static final int TIE_EVEN = 0;

    static final int PLUS_INFINITY = 1;
    static final int MINUS_INFINITY = 2;
    static final int TOWARD_ZERO = 3;
    static final int TIE_AWAY = 4;
    static final int TO_ODD = 5;

    private Fp() {}

    enum Kind {
        ZERO,
        FINITE,
        INFINITY,
        NAN
    }

    /**
     * A number taken apart: {@code significand * 2^(exponent - 62)}, bit 62 of the significand set.
     */
    record Unpacked(Kind kind, boolean negative, int exponent, long significand) {
        boolean isZero() {
            return kind == Kind.ZERO;
        }

        boolean isInfinite() {
            return kind == Kind.INFINITY;
        }

        boolean isNan() {
            return kind == Kind.NAN;
        }
    }

    static int roundingMode(Arm64Cpu cpu) {
        return (int) ((cpu.fpcr & RMODE) >>> RMODE_SHIFT);
    }

    /** Whether the alternative half precision, without infinities and NaNs, applies. */
    static boolean alternative(Arm64Cpu cpu, FpFormat format) {
        return format.isHalf() && (cpu.fpcr & AHP) != 0;
    }

    /** FPUnpack: a denormal is zero when FZ is set, except in half precision. */
    static Unpacked unpack(Arm64Cpu cpu, FpFormat format, long number) {
        boolean negative = format.isNegative(number);
        int exponent = (int) (number >>> format.fractionBits()) & format.topExponent();
        long fraction = number & format.fractionMask();
        if (exponent == 0) {
            return unpackDenormal(cpu, format, negative, fraction);
        }
        boolean alternative = alternative(cpu, format);
        if (exponent == format.topExponent() && !alternative) {
            Kind kind = fraction == 0 ? Kind.INFINITY : Kind.NAN;
            return new Unpacked(kind, negative, 0, 0);
        }
        int shift = 62 - format.fractionBits();
        long significand = (fraction | format.fractionMask() + 1) << shift;
        return new Unpacked(Kind.FINITE, negative, exponent - format.bias(), significand);
    }

    private static Unpacked unpackDenormal(
            Arm64Cpu cpu, FpFormat format, boolean negative, long fraction) {
        if (fraction != 0 && (format.isHalf() || (cpu.fpcr & FZ) == 0)) {
            int shift = Long.numberOfLeadingZeros(fraction) - 1;
            int exponent = 63 - format.bias() - format.fractionBits() - shift;
            return new Unpacked(Kind.FINITE, negative, exponent, fraction << shift);
        }
        if (fraction != 0) {
            cpu.fpsr |= IDC;
        }
        return new Unpacked(Kind.ZERO, negative, 0, 0);
    }

    /**
     * FPRound: the nearest number to {@code significand * 2^(exponent - 62)} by {@code mode}.
     *
     * @param significand bit 62 is its highest; bit 0 also stands for anything below it
     */
    static long round(
            Arm64Cpu cpu,
            FpFormat format,
            boolean negative,
            int exponent,
            long significand,
            int mode) {
        int biased = exponent + format.bias();
        if (biased <= 0 && !format.isHalf() && (cpu.fpcr & FZ) != 0) {
            cpu.fpsr |= UFC;
            return format.zero(negative);
        }
        int shift = 62 - format.fractionBits();
        if (biased <= 0) {
            shift += 1 - biased;
        }
        long exact = significand;
        if (shift > 63) {
            shift = 63;
            exact = 1;
        }
        long mantissa = exact >>> shift;
        long rest = exact & (1L << shift) - 1;
        if (biased <= 0 && rest != 0) {
            cpu.fpsr |= UFC;
        }
        mantissa = roundInteger(negative, mantissa, rest, shift, mode);
        long magnitude = mantissa;
        if (biased > 0) {
            if (biased > format.topExponent()) {
                return overflow(cpu, format, negative, mode);
            }
            magnitude += (long) (biased - 1) << format.fractionBits();
        }
        boolean alternative = alternative(cpu, format);
        int top = format.topExponent() + (alternative ? 1 : 0);
        if (magnitude >>> format.fractionBits() >= top) {
            return overflow(cpu, format, negative, mode);
        }
        if (rest != 0) {
            cpu.fpsr |= IXC;
        }
        return format.zero(negative) | magnitude;
    }

    /**
     * Rounds {@code mantissa + rest / 2^shift}.
     *
     * @param shift 1 to 63
     */
    static long roundInteger(boolean negative, long mantissa, long rest, int shift, int mode) {
        if (rest == 0) {
            return mantissa;
        }
        long half = 1L << (shift - 1);
        boolean up =
                switch (mode) {
                    case TIE_EVEN -> rest > half || rest == half && (mantissa & 1) != 0;
                    case PLUS_INFINITY -> !negative;
                    case MINUS_INFINITY -> negative;
                    case TIE_AWAY -> rest >= half;
                    case TO_ODD -> (mantissa & 1) == 0;
                    default -> false;
                };
        return up ? mantissa + 1 : mantissa;
    }

    private static long overflow(Arm64Cpu cpu, FpFormat format, boolean negative, int mode) {
        if (alternative(cpu, format)) {
            cpu.fpsr |= IOC;
            return format.zero(negative) | 0x7fff;
        }
        cpu.fpsr |= OFC | IXC;
        return overflowed(format, negative, mode);
    }

    /** What a number beyond the largest becomes: infinity or the largest. */
    static long overflowed(FpFormat format, boolean negative, int mode) {
        boolean infinite =
                switch (mode) {
                    case TIE_EVEN, TIE_AWAY -> true;
                    case PLUS_INFINITY -> !negative;
                    case MINUS_INFINITY -> negative;
                    default -> false;
                };
        return infinite ? format.infinity(negative) : format.maxNormal(negative);
    }

    /** FPProcessNaN. */
    static long processNan(Arm64Cpu cpu, FpFormat format, long nan) {
        if (format.isSignallingNan(nan)) {
            cpu.fpsr |= IOC;
        }
        return (cpu.fpcr & DN) != 0 ? format.defaultNan() : nan | format.quietBit();
    }

    /** FPProcessNaNs: at least one is a NaN; signalling before quiet, then in order. */
    static long processNans(Arm64Cpu cpu, FpFormat format, long a, long b) {
        if (format.isSignallingNan(a)) {
            return processNan(cpu, format, a);
        }
        if (format.isSignallingNan(b)) {
            return processNan(cpu, format, b);
        }
        return processNan(cpu, format, format.isNan(a) ? a : b);
    }

    /** FPProcessNaNs3. */
    static long processNans(Arm64Cpu cpu, FpFormat format, long a, long b, long c) {
        if (format.isSignallingNan(a)) {
            return processNan(cpu, format, a);
        }
        if (format.isSignallingNan(b) || format.isSignallingNan(c)) {
            return processNans(cpu, format, b, c);
        }
        return format.isNan(a) ? processNan(cpu, format, a) : processNans(cpu, format, b, c);
    }

    /** An invalid operation: the default NaN. */
    static long invalid(Arm64Cpu cpu, FpFormat format) {
        cpu.fpsr |= IOC;
        return format.defaultNan();
    }
}
