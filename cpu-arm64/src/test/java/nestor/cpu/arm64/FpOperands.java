package nestor.cpu.arm64;

import java.util.random.RandomGenerator;

/** Vector operands and FPCR/FPSR values that reach the corners of floating point. */
final class FpOperands {
    private static final long[] HALVES = {
        0x7c00, 0x7c01, 0x7e00, 0x7bff, 0x0001, 0x03ff, 0x0400, 0
    };

    private final RandomGenerator random;

    FpOperands(RandomGenerator random) {
        this.random = random;
    }

    /** Vectors, FPCR and FPSR of a case. */
    static void fill(TestCase test) {
        FpOperands operands = new FpOperands(test.random());
        for (int i = 0; i < 64; i++) {
            test.before.v[i] = operands.word(test);
        }
        test.before.fpcr = operands.controls();
        test.before.fpsr = operands.status();
    }

    private long controls() {
        long all = Fp.AHP | Fp.DN | Fp.FZ | Fp.RMODE;
        return switch (random.nextInt(4)) {
            case 0, 1 -> 0;
            case 2 -> random.nextLong() & Fp.RMODE;
            default -> random.nextLong() & all;
        };
    }

    private long status() {
        long all = Saturation.QC | Fp.IOC | Fp.DZC | Fp.OFC | Fp.UFC | Fp.IXC | Fp.IDC;
        return switch (random.nextInt(3)) {
            case 0 -> 0;
            case 1 -> Fp.IXC;
            default -> random.nextLong() & all;
        };
    }

    private long word(TestCase test) {
        return switch (random.nextInt(8)) {
            case 0, 1, 2 -> number(FpFormat.DOUBLE);
            case 3, 4, 5 -> number(FpFormat.SINGLE) | number(FpFormat.SINGLE) << 32;
            case 6 -> {
                long word = 0;
                for (int i = 0; i < 4; i++) {
                    word = word << 16 | half();
                }
                yield word;
            }
            default -> test.value();
        };
    }

    private long half() {
        long sign = random.nextLong() & 0x8000;
        return sign | (random.nextBoolean() ? HALVES[random.nextInt(8)] : random.nextInt(0x8000));
    }

    /** A number of every class; exponents crowd around zero so that sums and products meet. */
    private long number(FpFormat format) {
        long sign = random.nextLong() & format.signBit();
        long fraction = fraction(format);
        int top = format.topExponent();
        long exponent =
                switch (random.nextInt(16)) {
                    case 0 -> 0;
                    case 1 -> top;
                    case 2 -> 1 + random.nextInt(3);
                    case 3 -> top - 1 - random.nextInt(3);
                    case 4 -> random.nextInt(top + 1);
                    case 5 -> top / 2 + random.nextInt(-70, 70);
                    case 6 -> top / 4 + random.nextInt(-3, 4);
                    case 7 -> top / 4 * 3L + random.nextInt(-3, 4);
                    case 8 -> top / 2 + format.fractionBits() + random.nextInt(-3, 4);
                    default -> top / 2 + random.nextInt(-3, 4);
                };
        return sign | exponent << format.fractionBits() | fraction;
    }

    private long fraction(FpFormat format) {
        long mask = format.fractionMask();
        return switch (random.nextInt(8)) {
            case 0 -> 0;
            case 1 -> mask;
            case 2 -> 1L << random.nextInt(format.fractionBits());
            case 3 -> mask << random.nextInt(format.fractionBits()) & mask;
            case 4 -> (1L << random.nextInt(format.fractionBits())) - 1;
            case 5 -> random.nextLong() << random.nextInt(format.fractionBits()) & mask;
            default -> random.nextLong() & mask;
        };
    }
}
