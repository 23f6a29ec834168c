package nestor.cpu.arm64;

/**
 * Saturating arithmetic on one element (§J1 SatQ): what does not fit becomes the nearest limit and
 * sets FPSR.QC.
 */
final class Saturation {
    /** FPSR.QC (§C5.2.9). */
    static final long QC = 1L << 27;

    private Saturation() {}

    /** Records a saturation. */
    private static long clamp(Arm64Cpu cpu, long limit) {
        cpu.fpsr |= QC;
        return limit;
    }

    /** The most positive or most negative element, by the sign of {@code value}. */
    private static long limit(Arm64Cpu cpu, long value, int e) {
        return clamp(cpu, (Long.MAX_VALUE ^ value >> 63) >> (64 - e));
    }

    /** A signed number to {@code e} bits signed. */
    static long signed(Arm64Cpu cpu, long value, int e) {
        return Lanes.signed(value, e) == value ? value : limit(cpu, value, e);
    }

    /** A signed number to {@code e} bits unsigned, e below 64. */
    static long unsigned(Arm64Cpu cpu, long value, int e) {
        if (value < 0) {
            return clamp(cpu, 0);
        }
        return value > Lanes.mask(e) ? clamp(cpu, -1) : value;
    }

    static long addSigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        if (e == 64) {
            long sum = n + m;
            return ((n ^ sum) & (m ^ sum)) < 0 ? limit(cpu, n, 64) : sum;
        }
        return signed(cpu, Lanes.signed(n, e) + Lanes.signed(m, e), e);
    }

    static long addUnsigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        long sum = n + m;
        if (e == 64) {
            return Long.compareUnsigned(sum, n) < 0 ? clamp(cpu, -1) : sum;
        }
        return unsigned(cpu, sum, e);
    }

    static long subtractSigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        if (e == 64) {
            long difference = n - m;
            return ((n ^ m) & (n ^ difference)) < 0 ? limit(cpu, n, 64) : difference;
        }
        return signed(cpu, Lanes.signed(n, e) - Lanes.signed(m, e), e);
    }

    static long subtractUnsigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        return Long.compareUnsigned(n, m) < 0 ? clamp(cpu, 0) : n - m;
    }

    /** SUQADD: an unsigned number onto a signed accumulator. */
    static long accumulateUnsigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        if (e < 64) {
            return signed(cpu, Lanes.signed(d, e) + n, e);
        }
        long sum = d + n;
        boolean over = d >= 0 ? (n | sum) < 0 : (n & sum) < 0;
        return over ? clamp(cpu, Long.MAX_VALUE) : sum;
    }

    /** USQADD: a signed number onto an unsigned accumulator. */
    static long accumulateSigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        if (e < 64) {
            return unsigned(cpu, d + Lanes.signed(n, e), e);
        }
        long sum = d + n;
        if (n >= 0) {
            return Long.compareUnsigned(sum, d) < 0 ? clamp(cpu, -1) : sum;
        }
        return Long.compareUnsigned(sum, d) > 0 ? clamp(cpu, 0) : sum;
    }

    static long absolute(Arm64Cpu cpu, int e, long d, long n, long m) {
        long value = Lanes.signed(n, e);
        return value < 0 ? negate(cpu, e, d, n, m) : value;
    }

    static long negate(Arm64Cpu cpu, int e, long d, long n, long m) {
        return subtractSigned(cpu, e, 0, 0, n);
    }

    static long narrowSigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        return signed(cpu, Lanes.signed(n, 2 * e), e);
    }

    static long narrowSignedToUnsigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        return unsigned(cpu, Lanes.signed(n, 2 * e), e);
    }

    static long narrowUnsigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        return n >>> e != 0 ? clamp(cpu, -1) : n;
    }

    /** SQDMULH. */
    static long doublingMultiplyHigh(Arm64Cpu cpu, int e, long d, long n, long m) {
        return signed(cpu, Lanes.signed(n, e) * Lanes.signed(m, e) >> (e - 1), e);
    }

    /** SQRDMULH. */
    static long roundingDoublingMultiplyHigh(Arm64Cpu cpu, int e, long d, long n, long m) {
        long product = Lanes.signed(n, e) * Lanes.signed(m, e);
        return signed(cpu, product + (1L << (e - 2)) >> (e - 1), e);
    }

    /** SQDMULL. */
    static long doublingMultiplyLong(Arm64Cpu cpu, int e, long d, long n, long m) {
        long product = Lanes.signed(n, e) * Lanes.signed(m, e);
        return addSigned(cpu, 2 * e, d, product, product);
    }

    /** SQDMLAL. */
    static long doublingMultiplyAddLong(Arm64Cpu cpu, int e, long d, long n, long m) {
        return addSigned(cpu, 2 * e, d, d, doublingMultiplyLong(cpu, e, d, n, m));
    }

    /** SQDMLSL. */
    static long doublingMultiplySubtractLong(Arm64Cpu cpu, int e, long d, long n, long m) {
        return subtractSigned(cpu, 2 * e, d, d, doublingMultiplyLong(cpu, e, d, n, m));
    }

    /** Left by {@code shift} of at least 0, a signed number. */
    static long shiftLeftSigned(Arm64Cpu cpu, int e, long value, int shift) {
        if (value == 0) {
            return 0;
        }
        if (shift >= e || Lanes.signed(value << shift, e) >> shift != value) {
            return limit(cpu, value, e);
        }
        return value << shift;
    }

    /** Left by {@code shift} of at least 0, an unsigned number. */
    static long shiftLeftUnsigned(Arm64Cpu cpu, int e, long value, int shift) {
        if (value == 0 || shift == 0) {
            return value;
        }
        return shift >= e || value >>> (e - shift) != 0 ? clamp(cpu, -1) : value << shift;
    }

    /** SQSHLU (immediate): a signed number to an unsigned one. */
    static long shiftLeftSignedToUnsigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        return Lanes.signed(n, e) < 0 ? clamp(cpu, 0) : shiftLeftUnsigned(cpu, e, n, (int) m);
    }
}
