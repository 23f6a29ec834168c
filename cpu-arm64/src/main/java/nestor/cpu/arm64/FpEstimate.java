package nestor.cpu.arm64;

import nestor.cpu.arm64.Fp.Unpacked;

/** Reciprocal and reciprocal square root estimates (§J1 FPRecipEstimate, FPRSqrtEstimate). */
final class FpEstimate {
    private FpEstimate() {}

    /** RecipEstimate: 256 to 511, in units of 1/512 of [0.5, 1), to 256 to 511 in [1, 2). */
    static int reciprocal(int scaled) {
        int doubled = scaled * 2 + 1;
        return ((1 << 19) / doubled + 1) / 2;
    }

    /** RecipSqrtEstimate: 128 to 511, in units of 1/512 of [0.25, 1), to 256 to 511. */
    static int reciprocalRoot(int scaled) {
        int a = scaled < 256 ? scaled * 2 + 1 : (scaled >> 1 << 1) + 1 << 1;
        int b = 512;
        while ((long) a * (b + 1) * (b + 1) < 1 << 28) {
            b++;
        }
        return (b + 1) / 2;
    }

    /** FPRecipEstimate. */
    static long reciprocal(Arm64Cpu cpu, FpFormat format, long number) {
        Unpacked x = Fp.unpack(cpu, format, number);
        if (x.isNan()) {
            return Fp.processNan(cpu, format, number);
        }
        if (x.isInfinite()) {
            return format.zero(x.negative());
        }
        if (x.isZero()) {
            cpu.fpsr |= Fp.DZC;
            return format.infinity(x.negative());
        }
        int bias = format.bias();
        if (x.exponent() < -bias - 1) {
            cpu.fpsr |= Fp.OFC | Fp.IXC;
            return Fp.overflowed(format, x.negative(), Fp.roundingMode(cpu));
        }
        if ((cpu.fpcr & Fp.FZ) != 0 && x.exponent() >= bias - 1) {
            cpu.fpsr |= Fp.UFC;
            return format.zero(x.negative());
        }
        int biased = bias - 1 - x.exponent();
        long fraction = reciprocal((int) (x.significand() >>> 54)) & 0xff;
        fraction <<= 44;
        if (biased <= 0) {
            fraction = (fraction | 1L << 52) >>> (1 - biased);
            biased = 0;
        }
        long magnitude = (long) biased << 52 | fraction;
        return format.zero(x.negative()) | magnitude >>> (52 - format.fractionBits());
    }

    /** FPRSqrtEstimate. */
    static long reciprocalRoot(Arm64Cpu cpu, FpFormat format, long number) {
        Unpacked x = Fp.unpack(cpu, format, number);
        if (x.isNan()) {
            return Fp.processNan(cpu, format, number);
        }
        if (x.isZero()) {
            cpu.fpsr |= Fp.DZC;
            return format.infinity(x.negative());
        }
        if (x.negative()) {
            return Fp.invalid(cpu, format);
        }
        if (x.isInfinite()) {
            return 0;
        }
        boolean odd = (x.exponent() & 1) != 0;
        int scaled = (int) (x.significand() >>> (odd ? 54 : 55));
        int exponent = -1 - (x.exponent() >> 1);
        long fraction = reciprocalRoot(scaled) & 0xff;
        return format.power(false, exponent) | fraction << (format.fractionBits() - 8);
    }
}
