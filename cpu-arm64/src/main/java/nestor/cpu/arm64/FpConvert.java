package nestor.cpu.arm64;

import nestor.cpu.arm64.Fp.Kind;
import nestor.cpu.arm64.Fp.Unpacked;

/** Conversions between formats, to and from integers and fixed point, to integral values (§J1). */
final class FpConvert {
    private FpConvert() {}

    /** FPConvert. */
    static long convert(Arm64Cpu cpu, FpFormat from, FpFormat to, long number, int mode) {
        Unpacked x = Fp.unpack(cpu, from, number);
        boolean alternative = Fp.alternative(cpu, to);
        return switch (x.kind()) {
            case ZERO -> to.zero(x.negative());
            case FINITE -> Fp.round(cpu, to, x.negative(), x.exponent(), x.significand(), mode);
            case INFINITY -> {
                if (alternative) {
                    cpu.fpsr |= Fp.IOC;
                    yield to.zero(x.negative()) | 0x7fff;
                }
                yield to.infinity(x.negative());
            }
            case NAN -> convertNan(cpu, from, to, number, alternative);
        };
    }

    private static long convertNan(
            Arm64Cpu cpu, FpFormat from, FpFormat to, long nan, boolean alternative) {
        if (alternative || from.isSignallingNan(nan)) {
            cpu.fpsr |= Fp.IOC;
        }
        boolean negative = from.isNegative(nan);
        if (alternative) {
            return to.zero(negative);
        }
        if ((cpu.fpcr & Fp.DN) != 0) {
            return to.defaultNan();
        }
        long left = (nan & from.fractionMask()) << (63 - from.fractionBits());
        return to.infinity(negative) | to.quietBit() | left >>> (63 - to.fractionBits());
    }

    /**
     * FPToFixed.
     *
     * @param fractionBits bits of the result to the right of its point
     * @param width bits of the result, 32 or 64
     */
    static long toFixed(
            Arm64Cpu cpu,
            FpFormat format,
            long number,
            int fractionBits,
            boolean unsigned,
            int mode,
            int width) {
        Unpacked x = Fp.unpack(cpu, format, number);
        int exponent = x.exponent() + fractionBits;
        if (x.isZero()) {
            return 0;
        }
        if (x.isNan()) {
            cpu.fpsr |= Fp.IOC;
            return 0;
        }
        long most = Lanes.mask(width) >>> (unsigned || x.negative() ? 0 : 1);
        if (x.negative()) {
            most = unsigned ? 0 : 1L << (width - 1);
        }
        if (x.isInfinite() || exponent > 63) {
            cpu.fpsr |= Fp.IOC;
            return x.negative() ? -most : most;
        }
        long magnitude;
        long rest = 0;
        if (exponent >= 62) {
            magnitude = x.significand() << (exponent - 62);
        } else {
            int shift = Math.min(62 - exponent, 63);
            long exact = 62 - exponent > 63 ? 1 : x.significand();
            rest = exact & (1L << shift) - 1;
            magnitude = Fp.roundInteger(x.negative(), exact >>> shift, rest, shift, mode);
        }
        if (Long.compareUnsigned(magnitude, most) > 0) {
            cpu.fpsr |= Fp.IOC;
            magnitude = most;
        } else if (rest != 0) {
            cpu.fpsr |= Fp.IXC;
        }
        return x.negative() ? -magnitude : magnitude;
    }

    /** FixedToFP: {@code value} is sign- or zero-extended from its width. */
    static long fromFixed(
            Arm64Cpu cpu, FpFormat format, long value, int fractionBits, boolean unsigned) {
        if (value == 0) {
            return 0;
        }
        boolean negative = !unsigned && value < 0;
        long magnitude = negative ? -value : value;
        int mode = Fp.roundingMode(cpu);
        if (magnitude < 0) {
            long significand = magnitude >>> 1 | magnitude & 1;
            return Fp.round(cpu, format, negative, 63 - fractionBits, significand, mode);
        }
        int shift = Long.numberOfLeadingZeros(magnitude) - 1;
        int exponent = 62 - shift - fractionBits;
        return Fp.round(cpu, format, negative, exponent, magnitude << shift, mode);
    }

    /** FPRoundInt: {@code exact} sets the inexact flag. */
    static long roundIntegral(Arm64Cpu cpu, FpFormat format, long number, int mode, boolean exact) {
        Unpacked x = Fp.unpack(cpu, format, number);
        if (x.isNan()) {
            return Fp.processNan(cpu, format, number);
        }
        if (x.isZero()) {
            return format.zero(x.negative());
        }
        if (x.kind() == Kind.INFINITY || x.exponent() >= format.fractionBits()) {
            return number;
        }
        int shift = Math.min(62 - x.exponent(), 63);
        long value = 62 - x.exponent() > 63 ? 1 : x.significand();
        long rest = value & (1L << shift) - 1;
        long magnitude = Fp.roundInteger(x.negative(), value >>> shift, rest, shift, mode);
        if (exact && rest != 0) {
            cpu.fpsr |= Fp.IXC;
        }
        return format.zero(x.negative()) | fromFixed(cpu, format, magnitude, 0, true);
    }
}
