package nestor.cpu.arm64;

import static nestor.cpu.arm64.Lanes.evenMask;

/** AdvSIMD permute, extract, table lookup and copy (§C4.1.96): bit 21 clear. */
final class SimdPermute {
    private SimdPermute() {}

    static Op decode(int instruction) {
        boolean full = (instruction & 1 << 30) != 0;
        boolean u = (instruction & 1 << 29) != 0;
        int size = instruction >>> 22 & 3;
        int m = instruction >>> 16 & 31;
        int n = instruction >>> 5 & 31;
        int d = instruction & 31;
        if ((instruction & 1 << 15) != 0) {
            return extract(instruction, full, u, size, d, n, m);
        }
        return switch (instruction >>> 10 & 3) {
            case 1, 3 -> size == 0 ? SimdCopy.decode(instruction) : Undefined.OP;
            case 0 ->
                    u || size != 0
                            ? extract(instruction, full, u, size, d, n, m)
                            : table(instruction, full, d, n, m);
            default ->
                    u
                            ? extract(instruction, full, u, size, d, n, m)
                            : permute(instruction, full, size, d, n, m);
        };
    }

    /** AdvSIMD scalar copy: DUP (element) to a scalar. */
    static Op scalarCopy(int instruction) {
        boolean allocated = (instruction & 0x20e0_fc00) == 0x0400;
        return allocated ? SimdCopy.scalar(instruction) : Undefined.OP;
    }

    private static Op extract(
            int instruction, boolean full, boolean u, int size, int d, int n, int m) {
        int index = instruction >>> 11 & 15;
        boolean allocated = u && size == 0 && (instruction & 1 << 15 | instruction & 1 << 10) == 0;
        if (!allocated || !full && index > 7) {
            return Undefined.OP;
        }
        return new Extract(full, index, d, n, m);
    }

    private static Op table(int instruction, boolean full, int d, int n, int m) {
        int registers = 1 + (instruction >>> 13 & 3);
        boolean extend = (instruction & 1 << 12) != 0;
        return new Table(full, registers, extend, d, n, m);
    }

    private static Op permute(int instruction, boolean full, int size, int d, int n, int m) {
        int esize = 8 << size;
        boolean second = (instruction & 1 << 14) != 0;
        if (esize == 64 && !full) {
            return Undefined.OP;
        }
        return switch (instruction >>> 12 & 3) {
            case 1 -> new Unzip(full, esize, second, d, n, m);
            case 2 -> new Transpose(full, esize, second, d, n, m);
            case 3 -> new Zip(full, esize, second, d, n, m);
            default -> Undefined.OP;
        };
    }

    /** EXT. */
    private static final class Extract extends SimdOp {
        private final boolean full;
        private final int words;
        private final int shift;
        private final int d;
        private final int n;
        private final int m;

        Extract(boolean full, int bytes, int d, int n, int m) {
            this.full = full;
            this.words = bytes / 8;
            this.shift = bytes % 8 * 8;
            this.d = 2 * d;
            this.n = 2 * n;
            this.m = 2 * m;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long[] v = cpu.v;
            if (!full) {
                v[d] = join(v[n], v[m]);
                v[d + 1] = 0;
                return;
            }
            long first = words == 0 ? v[n] : v[n + 1];
            long second = words == 0 ? v[n + 1] : v[m];
            long third = words == 0 ? v[m] : v[m + 1];
            v[d] = join(first, second);
            v[d + 1] = join(second, third);
        }

        private long join(long low, long high) {
            return shift == 0 ? low : low >>> shift | high << (64 - shift);
        }
    }

    /** TBL, TBX: bytes looked up in one to four registers. */
    private static final class Table extends SimdOp {
        private final boolean full;
        private final int bytes;
        private final boolean extend;
        private final int d;
        private final int n;
        private final int m;

        Table(boolean full, int registers, boolean extend, int d, int n, int m) {
            this.full = full;
            this.bytes = 16 * registers;
            this.extend = extend;
            this.d = 2 * d;
            this.n = 2 * n;
            this.m = 2 * m;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long[] v = cpu.v;
            long low = lookUp(v, v[m], extend ? v[d] : 0);
            long high = full ? lookUp(v, v[m + 1], extend ? v[d + 1] : 0) : 0;
            v[d] = low;
            v[d + 1] = high;
        }

        private long lookUp(long[] v, long indices, long old) {
            long result = 0;
            for (int shift = 0; shift < 64; shift += 8) {
                int index = (int) (indices >>> shift) & 0xff;
                long value =
                        index < bytes
                                ? v[n + (index >> 3) & 63] >>> 8 * (index & 7)
                                : old >>> shift;
                result |= (value & 0xff) << shift;
            }
            return result;
        }
    }

    /** UZP1, UZP2. */
    private static final class Unzip extends SimdOp {
        private final boolean full;
        private final int esize;
        private final boolean odd;
        private final int d;
        private final int n;
        private final int m;

        Unzip(boolean full, int esize, boolean odd, int d, int n, int m) {
            this.full = full;
            this.esize = esize;
            this.odd = odd;
            this.d = 2 * d;
            this.n = 2 * n;
            this.m = 2 * m;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long[] v = cpu.v;
            if (full) {
                long low = half(v[n], v[n + 1]);
                v[d + 1] = half(v[m], v[m + 1]);
                v[d] = low;
            } else {
                v[d] = half(v[n], v[m]);
                v[d + 1] = 0;
            }
        }

        private long half(long low, long high) {
            return odd ? Lanes.odds(low, high, esize) : Lanes.evens(low, high, esize);
        }
    }

    /** ZIP1, ZIP2. */
    private static final class Zip extends SimdOp {
        private final boolean full;
        private final int esize;
        private final boolean upper;
        private final int d;
        private final int n;
        private final int m;

        Zip(boolean full, int esize, boolean upper, int d, int n, int m) {
            this.full = full;
            this.esize = esize;
            this.upper = upper;
            this.d = 2 * d;
            this.n = 2 * n;
            this.m = 2 * m;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long[] v = cpu.v;
            int half = full && upper ? 1 : 0;
            long first = v[n + half];
            long second = v[m + half];
            if (esize == 64) {
                v[d] = first;
                v[d + 1] = second;
            } else if (full) {
                v[d] = weave(first, second);
                v[d + 1] = weave(first >>> 32, second >>> 32);
            } else {
                v[d] = upper ? weave(first >>> 32, second >>> 32) : weave(first, second);
                v[d + 1] = 0;
            }
        }

        private long weave(long even, long odd) {
            long mask = evenMask(esize);
            return Long.expand(even, mask) | Long.expand(odd, mask) << esize;
        }
    }

    /** TRN1, TRN2. */
    private static final class Transpose extends SimdOp {
        private final boolean full;
        private final int esize;
        private final boolean odd;
        private final int d;
        private final int n;
        private final int m;

        Transpose(boolean full, int esize, boolean odd, int d, int n, int m) {
            this.full = full;
            this.esize = esize;
            this.odd = odd;
            this.d = 2 * d;
            this.n = 2 * n;
            this.m = 2 * m;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long[] v = cpu.v;
            if (esize == 64) {
                int half = odd ? 1 : 0;
                long low = v[n + half];
                v[d + 1] = v[m + half];
                v[d] = low;
                return;
            }
            long low = half(v[n], v[m]);
            v[d + 1] = full ? half(v[n + 1], v[m + 1]) : 0;
            v[d] = low;
        }

        private long half(long first, long second) {
            long mask = evenMask(esize);
            return odd
                    ? first >>> esize & mask | second & ~mask
                    : first & mask | (second & mask) << esize;
        }
    }
}
