package nestor.cpu.arm64;

/**
 * Loads and stores of one or two SIMD&FP registers (§C4.1.94: load/store register, pair, literal).
 * A size is the log2 of the bytes, 0 (B) to 4 (Q); a load clears the register above it.
 */
final class SimdMemory {
    private SimdMemory() {}

    /** A load of at most 64 bits. */
    static long load(Arm64Cpu cpu, int sizeLog2, long va) {
        return switch (sizeLog2) {
            case 0 -> cpu.load8(va);
            case 1 -> cpu.load16(va);
            case 2 -> cpu.load32(va);
            default -> cpu.load64(va);
        };
    }

    /** A store of at most 64 bits. */
    static void store(Arm64Cpu cpu, int sizeLog2, long va, long value) {
        switch (sizeLog2) {
            case 0 -> cpu.store8(va, value);
            case 1 -> cpu.store16(va, value);
            case 2 -> cpu.store32(va, value);
            default -> cpu.store64(va, value);
        }
    }

    private static void transfer(Arm64Cpu cpu, boolean load, int sizeLog2, int t, long va) {
        if (load) {
            long low = load(cpu, sizeLog2, va);
            long high = sizeLog2 == 4 ? cpu.load64(va + 8) : 0;
            cpu.v[t] = low;
            cpu.v[t + 1] = high;
        } else {
            long high = cpu.v[t + 1];
            store(cpu, sizeLog2, va, cpu.v[t]);
            if (sizeLog2 == 4) {
                cpu.store64(va + 8, high);
            }
        }
    }

    /** LDR/LDUR Q: base plus immediate. */
    static final class LoadQ extends SimdOp {
        private final int t;
        private final int n;
        private final long offset;

        LoadQ(int t, int n, int offset) {
            this.t = 2 * t;
            this.n = n;
            this.offset = offset;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long va = cpu.x[n] + offset;
            long low = cpu.load64(va);
            long high = cpu.load64(va + 8);
            cpu.v[t] = low;
            cpu.v[t + 1] = high;
        }
    }

    /** STR/STUR Q: base plus immediate. */
    static final class StoreQ extends SimdOp {
        private final int t;
        private final int n;
        private final long offset;

        StoreQ(int t, int n, int offset) {
            this.t = 2 * t;
            this.n = n;
            this.offset = offset;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long va = cpu.x[n] + offset;
            cpu.store64(va, cpu.v[t]);
            cpu.store64(va + 8, cpu.v[t + 1]);
        }
    }

    /** LDR/LDUR D: base plus immediate. */
    static final class LoadD extends SimdOp {
        private final int t;
        private final int n;
        private final long offset;

        LoadD(int t, int n, int offset) {
            this.t = 2 * t;
            this.n = n;
            this.offset = offset;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.v[t] = cpu.load64(cpu.x[n] + offset);
            cpu.v[t + 1] = 0;
        }
    }

    /** STR/STUR D: base plus immediate. */
    static final class StoreD extends SimdOp {
        private final int t;
        private final int n;
        private final long offset;

        StoreD(int t, int n, int offset) {
            this.t = 2 * t;
            this.n = n;
            this.offset = offset;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.store64(cpu.x[n] + offset, cpu.v[t]);
        }
    }

    /** Base plus immediate, pre- or post-indexed: any size. */
    static final class Indexed extends SimdOp {
        private final boolean load;
        private final int sizeLog2;
        private final int t;
        private final int n;
        private final long before;
        private final long writeBack;

        Indexed(boolean load, int sizeLog2, int t, int n, int before, int writeBack) {
            this.load = load;
            this.sizeLog2 = sizeLog2;
            this.t = 2 * t;
            this.n = n;
            this.before = before;
            this.writeBack = writeBack;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long base = cpu.x[n];
            transfer(cpu, load, sizeLog2, t, base + before);
            cpu.x[n] = base + writeBack;
        }
    }

    /** Base plus a shifted or extended register. */
    static final class RegisterOffset extends SimdOp {
        private static final int UXTW = 2;
        private static final int SXTW = 6;

        private final boolean load;
        private final int sizeLog2;
        private final int t;
        private final int n;
        private final int m;
        private final int option;
        private final int shift;

        RegisterOffset(boolean load, int sizeLog2, int t, int n, int m, int option, int shift) {
            this.load = load;
            this.sizeLog2 = sizeLog2;
            this.t = 2 * t;
            this.n = n;
            this.m = m;
            this.option = option;
            this.shift = shift;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long index = cpu.x[m];
            if (option == UXTW) {
                index &= 0xffff_ffffL;
            } else if (option == SXTW) {
                index = Lanes.signed(index, 32);
            }
            transfer(cpu, load, sizeLog2, t, cpu.x[n] + (index << shift));
        }
    }

    /** LDR (literal). */
    static final class Literal extends SimdOp {
        private final int sizeLog2;
        private final int t;
        private final long offset;

        Literal(int sizeLog2, int t, int offset) {
            this.sizeLog2 = sizeLog2;
            this.t = 2 * t;
            this.offset = offset;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            transfer(cpu, true, sizeLog2, t, cpu.pc + offset);
        }
    }

    /** LDP, LDNP. */
    static final class LoadPair extends SimdOp {
        private final int sizeLog2;
        private final int t;
        private final int t2;
        private final int n;
        private final long before;
        private final long writeBack;

        LoadPair(int sizeLog2, int t, int t2, int n, int before, int writeBack) {
            this.sizeLog2 = sizeLog2;
            this.t = 2 * t;
            this.t2 = 2 * t2;
            this.n = n;
            this.before = before;
            this.writeBack = writeBack;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long base = cpu.x[n];
            long va = base + before;
            long low;
            long high = 0;
            long low2;
            long high2 = 0;
            if (sizeLog2 == 4) {
                low = cpu.load64(va);
                high = cpu.load64(va + 8);
                low2 = cpu.load64(va + 16);
                high2 = cpu.load64(va + 24);
            } else if (sizeLog2 == 3) {
                low = cpu.load64(va);
                low2 = cpu.load64(va + 8);
            } else {
                low = cpu.load32(va);
                low2 = cpu.load32(va + 4);
            }
            long[] v = cpu.v;
            v[t] = low;
            v[t + 1] = high;
            v[t2] = low2;
            v[t2 + 1] = high2;
            cpu.x[n] = base + writeBack;
        }
    }

    /** STP, STNP. */
    static final class StorePair extends SimdOp {
        private final int sizeLog2;
        private final int t;
        private final int t2;
        private final int n;
        private final long before;
        private final long writeBack;

        StorePair(int sizeLog2, int t, int t2, int n, int before, int writeBack) {
            this.sizeLog2 = sizeLog2;
            this.t = 2 * t;
            this.t2 = 2 * t2;
            this.n = n;
            this.before = before;
            this.writeBack = writeBack;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long[] v = cpu.v;
            long base = cpu.x[n];
            long va = base + before;
            if (sizeLog2 == 4) {
                cpu.store64(va, v[t]);
                cpu.store64(va + 8, v[t + 1]);
                cpu.store64(va + 16, v[t2]);
                cpu.store64(va + 24, v[t2 + 1]);
            } else if (sizeLog2 == 3) {
                cpu.store64(va, v[t]);
                cpu.store64(va + 8, v[t2]);
            } else {
                cpu.store32(va, v[t]);
                cpu.store32(va + 4, v[t2]);
            }
            cpu.x[n] = base + writeBack;
        }
    }
}
