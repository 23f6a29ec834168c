package nestor.cpu.arm64;

/** Conversions between scalar formats, and with general registers (§C4.1.96). */
final class ScalarFpConvert {
    private ScalarFpConvert() {}

    /** Conversion between floating point and fixed point. */
    static Op fixed(int instruction, int esize) {
        boolean wide = instruction < 0;
        int scale = instruction >>> 10 & 63;
        int n = instruction >>> 5 & 31;
        int d = instruction & 31;
        int width = wide ? 64 : 32;
        int fractionBits = 64 - scale;
        if ((instruction & 1 << 29) != 0 || fractionBits > width) {
            return Undefined.OP;
        }
        return switch (instruction >>> 16 & 31) {
            case 0b00_010 -> new FromGeneral(false, esize, width, fractionBits, d, n);
            case 0b00_011 -> new FromGeneral(true, esize, width, fractionBits, d, n);
            case 0b11_000 -> new ToGeneral(false, Fp.TOWARD_ZERO, esize, width, fractionBits, d, n);
            case 0b11_001 -> new ToGeneral(true, Fp.TOWARD_ZERO, esize, width, fractionBits, d, n);
            default -> Undefined.OP;
        };
    }

    /** Conversion between floating point and integer, and FMOV (general). */
    static Op integer(int instruction, int esize) {
        boolean wide = instruction < 0;
        int width = wide ? 64 : 32;
        int n = instruction >>> 5 & 31;
        int d = instruction & 31;
        int mode = instruction >>> 19 & 3;
        int opcode = instruction >>> 16 & 7;
        boolean odd = (opcode & 1) != 0;
        if (opcode < 2) {
            return new ToGeneral(odd, mode, esize, width, 0, d, n);
        }
        if (mode != 0) {
            return Undefined.OP;
        }
        return switch (opcode >> 1) {
            case 1 -> new FromGeneral(odd, esize, width, 0, d, n);
            case 2 -> new ToGeneral(odd, Fp.TIE_AWAY, esize, width, 0, d, n);
            default -> width == esize ? ScalarFpMove.general(odd, esize, d, n) : Undefined.OP;
        };
    }

    /** FCVT. */
    static final class Precision extends SimdOp {
        private final FpFormat from;
        private final FpFormat to;
        private final int d;
        private final int n;

        Precision(FpFormat from, FpFormat to, int d, int n) {
            this.from = from;
            this.to = to;
            this.d = 2 * d;
            this.n = 2 * n;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long number = cpu.v[n] & Lanes.mask(from.bits());
            cpu.v[d] = FpConvert.convert(cpu, from, to, number, Fp.roundingMode(cpu));
            cpu.v[d + 1] = 0;
        }
    }

    /** FCVTNS, FCVTZU ...: to an integer or fixed-point number in a general register. */
    private static final class ToGeneral extends SimdOp {
        private final boolean unsigned;
        private final int mode;
        private final FpFormat format;
        private final int width;
        private final int fractionBits;
        private final int d;
        private final int n;

        ToGeneral(
                boolean unsigned, int mode, int esize, int width, int fractionBits, int d, int n) {
            this.unsigned = unsigned;
            this.mode = mode;
            this.format = FpFormat.of(esize);
            this.width = width;
            this.fractionBits = fractionBits;
            this.d = d == 31 ? Arm64Cpu.SINK : d;
            this.n = 2 * n;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long number = cpu.v[n] & Lanes.mask(format.bits());
            long result =
                    FpConvert.toFixed(cpu, format, number, fractionBits, unsigned, mode, width);
            cpu.x[d] = result & Lanes.mask(width);
        }
    }

    /** SCVTF, UCVTF. */
    private static final class FromGeneral extends SimdOp {
        private final boolean unsigned;
        private final FpFormat format;
        private final int width;
        private final int fractionBits;
        private final int d;
        private final int n;

        FromGeneral(boolean unsigned, int esize, int width, int fractionBits, int d, int n) {
            this.unsigned = unsigned;
            this.format = FpFormat.of(esize);
            this.width = width;
            this.fractionBits = fractionBits;
            this.d = 2 * d;
            this.n = n;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long value = cpu.x[n];
            value = unsigned ? value & Lanes.mask(width) : Lanes.signed(value, width);
            cpu.v[d] = FpConvert.fromFixed(cpu, format, value, fractionBits, unsigned);
            cpu.v[d + 1] = 0;
        }
    }
}
