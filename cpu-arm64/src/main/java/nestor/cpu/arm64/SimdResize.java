package nestor.cpu.arm64;

/** Elements halved (SHRN, XTN) or doubled (USHLL, SHLL) in width, a word at a time. */
final class SimdResize {
    private SimdResize() {}

    /** SHRN{2}, XTN{2}: {@code esize} is the width of the result's elements. */
    static final class Narrow extends SimdOp {
        private final long mask;
        private final int half;
        private final int d;
        private final int n;
        private final int right;

        Narrow(int esize, int half, int d, int n, int right) {
            this.mask = Lanes.evenMask(esize);
            this.half = half;
            this.d = 2 * d;
            this.n = 2 * n;
            this.right = right;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long[] v = cpu.v;
            long low = Long.compress(v[n] >>> right, mask);
            long high = Long.compress(v[n + 1] >>> right, mask);
            v[d + half] = low | high << 32;
            if (half == 0) {
                v[d + 1] = 0;
            }
        }
    }

    /** USHLL{2}, SHLL{2}: {@code esize} is the width of the operand's elements. */
    static final class Widen extends SimdOp {
        private final long mask;
        private final int half;
        private final int d;
        private final int n;
        private final int left;

        Widen(int esize, int half, int d, int n, int left) {
            this.mask = Lanes.evenMask(esize);
            this.half = half;
            this.d = 2 * d;
            this.n = 2 * n;
            this.left = left;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long[] v = cpu.v;
            long word = v[n + half];
            v[d] = Long.expand(word, mask) << left;
            v[d + 1] = Long.expand(word >>> 32, mask) << left;
        }
    }
}
