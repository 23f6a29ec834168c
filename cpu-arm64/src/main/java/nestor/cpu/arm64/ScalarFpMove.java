package nestor.cpu.arm64;

/** FMOV between general and SIMD&FP registers, and of an immediate (§C7.2). */
final class ScalarFpMove {
    private ScalarFpMove() {}

    /** FMOV of the top half: bit 16 set, to the vector. */
    static Op topHalf(int instruction) {
        int n = instruction >>> 5 & 31;
        int d = instruction & 31;
        return (instruction & 1 << 16) != 0 ? new ToTopHalf(d, n) : new ToGeneral(64, d, 2 * n + 1);
    }

    /** FMOV (general) of a whole scalar. */
    static Op general(boolean toVector, int esize, int d, int n) {
        return toVector ? new ToVector(esize, d, n) : new ToGeneral(esize, d, 2 * n);
    }

    static final class Immediate extends SimdOp {
        private final int d;
        private final long bits;

        Immediate(int d, long bits) {
            this.d = 2 * d;
            this.bits = bits;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.v[d] = bits;
            cpu.v[d + 1] = 0;
        }
    }

    private static final class ToGeneral extends SimdOp {
        private final long mask;
        private final int d;
        private final int word;

        ToGeneral(int esize, int d, int word) {
            this.mask = Lanes.mask(esize);
            this.d = d == 31 ? Arm64Cpu.SINK : d;
            this.word = word;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[d] = cpu.v[word] & mask;
        }
    }

    private static final class ToVector extends SimdOp {
        private final long mask;
        private final int d;
        private final int n;

        ToVector(int esize, int d, int n) {
            this.mask = Lanes.mask(esize);
            this.d = 2 * d;
            this.n = n;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.v[d] = cpu.x[n] & mask;
            cpu.v[d + 1] = 0;
        }
    }

    private static final class ToTopHalf extends SimdOp {
        private final int d;
        private final int n;

        ToTopHalf(int d, int n) {
            this.d = 2 * d;
            this.n = n;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.v[d + 1] = cpu.x[n];
        }
    }
}
