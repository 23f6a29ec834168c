package nestor.cpu.arm64;

/** AdvSIMD modified immediate (§C4.1.96): MOVI, MVNI, ORR, BIC, FMOV. */
final class SimdModifiedImmediate {
    private SimdModifiedImmediate() {}

    static Op decode(int instruction) {
        boolean full = (instruction & 1 << 30) != 0;
        int op = instruction >>> 29 & 1;
        int cmode = instruction >>> 12 & 15;
        int imm8 = (instruction >>> 16 & 7) << 5 | instruction >>> 5 & 31;
        int d = instruction & 31;
        boolean o2 = (instruction & 1 << 11) != 0;
        if (o2 || cmode == 15 && op == 1 && !full) {
            return Undefined.OP;
        }
        long word = expand(op, cmode, imm8);
        boolean inverts = op == 1 && cmode < 14;
        if (cmode < 12 && (cmode & 1) != 0) {
            return inverts ? new BitClear(full, d, word) : new BitSet(full, d, word);
        }
        return new Move(full, d, inverts ? ~word : word);
    }

    /** AdvSIMDExpandImm (§J1). */
    private static long expand(int op, int cmode, int imm8) {
        long imm = imm8;
        return switch (cmode >> 1) {
            case 0, 1, 2, 3 -> Lanes.replicate(imm << 8 * (cmode >> 1), 32);
            case 4 -> Lanes.replicate(imm, 16);
            case 5 -> Lanes.replicate(imm << 8, 16);
            case 6 ->
                    (cmode & 1) == 0
                            ? Lanes.replicate(imm << 8 | 0xff, 32)
                            : Lanes.replicate(imm << 16 | 0xffff, 32);
            default -> expand7(op, cmode & 1, imm8);
        };
    }

    private static long expand7(int op, int low, int imm8) {
        if (low == 0) {
            return op == 0
                    ? Lanes.replicate(imm8, 8)
                    : Lanes.spread(Long.expand(imm8, Lanes.ones(8)) << 7, 8);
        }
        return op == 0 ? Lanes.replicate(expandFp(imm8, 32), 32) : expandFp(imm8, 64);
    }

    /** VFPExpandImm (§J1). */
    static long expandFp(int imm8, int esize) {
        long sign = (long) (imm8 >> 7) << (esize - 1);
        long fraction = imm8 & 0xf;
        long exponent = imm8 >> 4 & 3;
        boolean b = (imm8 & 0x40) != 0;
        if (esize == 64) {
            return sign | (b ? 0xffL << 54 : 1L << 62) | exponent << 52 | fraction << 48;
        }
        return sign | (b ? 0x1fL << 25 : 1L << 30) | exponent << 23 | fraction << 19;
    }

    private static final class Move extends SimdOp {
        private final int d;
        private final long low;
        private final long high;

        Move(boolean full, int d, long word) {
            this.d = 2 * d;
            this.low = word;
            this.high = full ? word : 0;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.v[d] = low;
            cpu.v[d + 1] = high;
        }
    }

    private static final class BitSet extends SimdOp {
        private final boolean full;
        private final int d;
        private final long word;

        BitSet(boolean full, int d, long word) {
            this.full = full;
            this.d = 2 * d;
            this.word = word;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.v[d] |= word;
            cpu.v[d + 1] = full ? cpu.v[d + 1] | word : 0;
        }
    }

    private static final class BitClear extends SimdOp {
        private final boolean full;
        private final int d;
        private final long word;

        BitClear(boolean full, int d, long word) {
            this.full = full;
            this.d = 2 * d;
            this.word = word;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.v[d] &= ~word;
            cpu.v[d + 1] = full ? cpu.v[d + 1] & ~word : 0;
        }
    }
}
