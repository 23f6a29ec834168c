package nestor.cpu.arm64;

/**
 * How elements of the operands meet elements of the result; what is computed from them is a {@link
 * WordFunction} or {@link LaneFunction}. Registers are given by number.
 */
final class SimdShapes {
    private SimdShapes() {}

    /** Results as wide as the operands, over 64 bits (or a scalar) or 128 bits. */
    static final class Same extends SimdOp {
        private final WordFunction function;
        private final boolean full;
        private final int d;
        private final int n;
        private final SecondOperand m;

        Same(WordFunction function, boolean full, int d, int n, SecondOperand m) {
            this.function = function;
            this.full = full;
            this.d = 2 * d;
            this.n = 2 * n;
            this.m = m;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long[] v = cpu.v;
            long high = 0;
            if (full) {
                high = function.apply(cpu, v[d + 1], v[n + 1], m.word(v, 1));
            }
            v[d] = function.apply(cpu, v[d], v[n], m.word(v, 0));
            v[d + 1] = high;
        }
    }

    /** Neighbours of the concatenated operands combined: ADDP, SMAXP, FADDP ... */
    static final class Pairwise extends SimdOp {
        private final WordFunction function;
        private final boolean full;
        private final int esize;
        private final int d;
        private final int n;
        private final int m;

        Pairwise(WordFunction function, boolean full, int esize, int d, int n, int m) {
            this.function = function;
            this.full = full;
            this.esize = esize;
            this.d = 2 * d;
            this.n = 2 * n;
            this.m = 2 * m;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long[] v = cpu.v;
            long low;
            long high = 0;
            if (full) {
                long nl = v[n];
                long nh = v[n + 1];
                low = combine(cpu, nl, nh);
                high = combine(cpu, v[m], v[m + 1]);
            } else {
                low = combine(cpu, v[n], v[m]);
            }
            v[d] = low;
            v[d + 1] = high;
        }

        private long combine(Arm64Cpu cpu, long low, long high) {
            return function.apply(
                    cpu, 0, Lanes.evens(low, high, esize), Lanes.odds(low, high, esize));
        }
    }

    /** Results twice as wide as both operands (or as the second only: {@code wideFirst}). */
    static final class Lengthen extends SimdOp {
        private final LaneFunction function;
        private final boolean wideFirst;
        private final int esize;
        private final int half;
        private final int d;
        private final int n;
        private final SecondOperand m;

        Lengthen(
                LaneFunction function,
                boolean wideFirst,
                int esize,
                int half,
                int d,
                int n,
                SecondOperand m) {
            this.function = function;
            this.wideFirst = wideFirst;
            this.esize = esize;
            this.half = half;
            this.d = 2 * d;
            this.n = 2 * n;
            this.m = m;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long[] v = cpu.v;
            long second = m.word(v, half);
            long low;
            long high;
            if (wideFirst) {
                low = wide(cpu, v[d], v[n], second);
                high = wide(cpu, v[d + 1], v[n + 1], second >>> 32);
            } else {
                long first = v[n + half];
                low = narrow(cpu, v[d], first, second);
                high = narrow(cpu, v[d + 1], first >>> 32, second >>> 32);
            }
            v[d] = low;
            v[d + 1] = high;
        }

        private long narrow(Arm64Cpu cpu, long old, long first, long second) {
            long mask = Lanes.mask(esize);
            long wideMask = Lanes.mask(2 * esize);
            long result = 0;
            for (int from = 0, to = 0; to < 64; from += esize, to += 2 * esize) {
                long lane =
                        function.apply(
                                cpu,
                                esize,
                                old >>> to & wideMask,
                                first >>> from & mask,
                                second >>> from & mask);
                result |= (lane & wideMask) << to;
            }
            return result;
        }

        private long wide(Arm64Cpu cpu, long old, long first, long second) {
            long mask = Lanes.mask(esize);
            long wideMask = Lanes.mask(2 * esize);
            long result = 0;
            for (int from = 0, to = 0; to < 64; from += esize, to += 2 * esize) {
                long lane =
                        function.apply(
                                cpu,
                                esize,
                                old >>> to & wideMask,
                                first >>> to & wideMask,
                                second >>> from & mask);
                result |= (lane & wideMask) << to;
            }
            return result;
        }
    }

    /** A scalar result twice as wide as the operands: SQDMULL and its kin. */
    static final class ScalarLengthen extends SimdOp {
        private final LaneFunction function;
        private final int esize;
        private final int d;
        private final int n;
        private final SecondOperand m;

        ScalarLengthen(LaneFunction function, int esize, int d, int n, SecondOperand m) {
            this.function = function;
            this.esize = esize;
            this.d = 2 * d;
            this.n = 2 * n;
            this.m = m;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long[] v = cpu.v;
            long mask = Lanes.mask(esize);
            long wideMask = Lanes.mask(2 * esize);
            long second = m.word(v, 0) & mask;
            long result = function.apply(cpu, esize, v[d] & wideMask, v[n] & mask, second);
            v[d] = result & wideMask;
            v[d + 1] = 0;
        }
    }

    /** Results half as wide as the operands, into the low half or (the "2" forms) the high half. */
    static final class Narrow extends SimdOp {
        private final LaneFunction function;
        private final int esize;
        private final int half;
        private final int d;
        private final int n;
        private final SecondOperand m;

        Narrow(LaneFunction function, int esize, int half, int d, int n, SecondOperand m) {
            this.function = function;
            this.esize = esize;
            this.half = half;
            this.d = 2 * d;
            this.n = 2 * n;
            this.m = m;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long[] v = cpu.v;
            long low = narrow(cpu, v[n], m.word(v, 0));
            long high = narrow(cpu, v[n + 1], m.word(v, 1));
            v[d + half] = low | high << 32;
            if (half == 0) {
                v[d + 1] = 0;
            }
        }

        private long narrow(Arm64Cpu cpu, long first, long second) {
            long mask = Lanes.mask(esize);
            long wideMask = Lanes.mask(2 * esize);
            long result = 0;
            for (int to = 0, from = 0; from < 64; to += esize, from += 2 * esize) {
                long lane =
                        function.apply(
                                cpu,
                                esize,
                                0,
                                first >>> from & wideMask,
                                second >>> from & wideMask);
                result |= (lane & mask) << to;
            }
            return result;
        }
    }

    /** A scalar result half as wide as the operand: SQXTN, SQSHRN, FCVTXN. */
    static final class ScalarNarrow extends SimdOp {
        private final LaneFunction function;
        private final int esize;
        private final int d;
        private final int n;
        private final int immediate;

        ScalarNarrow(LaneFunction function, int esize, int d, int n, int immediate) {
            this.function = function;
            this.esize = esize;
            this.d = 2 * d;
            this.n = 2 * n;
            this.immediate = immediate;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long[] v = cpu.v;
            long first = v[n] & Lanes.mask(2 * esize);
            v[d] = function.apply(cpu, esize, 0, first, immediate) & Lanes.mask(esize);
            v[d + 1] = 0;
        }
    }

    /** All elements of one register folded, the lower with the upper half first. */
    static final class Across extends SimdOp {
        private final LaneFunction function;
        private final boolean full;
        private final int esize;
        private final int d;
        private final int n;

        Across(LaneFunction function, boolean full, int esize, int d, int n) {
            this.function = function;
            this.full = full;
            this.esize = esize;
            this.d = 2 * d;
            this.n = 2 * n;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long[] v = cpu.v;
            int count = (full ? 128 : 64) / esize;
            v[d] = fold(cpu, 0, count);
            v[d + 1] = 0;
        }

        private long fold(Arm64Cpu cpu, int from, int count) {
            if (count == 1) {
                return Lanes.get(cpu.v, n, from, esize);
            }
            long low = fold(cpu, from, count / 2);
            long high = fold(cpu, from + count / 2, count / 2);
            return function.apply(cpu, esize, 0, low, high) & Lanes.mask(esize);
        }
    }
}
