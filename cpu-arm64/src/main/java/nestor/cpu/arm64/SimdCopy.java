package nestor.cpu.arm64;

/** AdvSIMD copy and AdvSIMD scalar copy (§C4.1.96): DUP, INS, SMOV, UMOV. */
final class SimdCopy {
    private SimdCopy() {}

    static Op decode(int instruction) {
        boolean full = (instruction & 1 << 30) != 0;
        int imm5 = instruction >>> 16 & 31;
        int imm4 = instruction >>> 11 & 15;
        int n = instruction >>> 5 & 31;
        int d = instruction & 31;
        int size = Integer.numberOfTrailingZeros(imm5);
        if (size > 3) {
            return Undefined.OP;
        }
        int esize = 8 << size;
        int index = imm5 >> (size + 1);
        if ((instruction & 1 << 29) != 0) {
            return full ? new InsertElement(esize, d, index, n, imm4 >> size) : Undefined.OP;
        }
        return switch (imm4) {
            case 0b0000 ->
                    size == 3 && !full
                            ? Undefined.OP
                            : new DuplicateElement(full, esize, d, n, index);
            case 0b0001 ->
                    size == 3 && !full ? Undefined.OP : new DuplicateGeneral(full, esize, d, n);
            case 0b0011 -> full ? new InsertGeneral(esize, d, index, n) : Undefined.OP;
            case 0b0101 ->
                    size > (full ? 2 : 1) ? Undefined.OP : new MoveSigned(esize, full, d, n, index);
            case 0b0111 ->
                    (size == 3) == full ? new MoveUnsigned(esize, d, n, index) : Undefined.OP;
            default -> Undefined.OP;
        };
    }

    /** DUP (element) to a scalar. */
    static Op scalar(int instruction) {
        int imm5 = instruction >>> 16 & 31;
        int size = Integer.numberOfTrailingZeros(imm5);
        if (size > 3) {
            return Undefined.OP;
        }
        int n = instruction >>> 5 & 31;
        return new ScalarElement(8 << size, instruction & 31, n, imm5 >> (size + 1));
    }

    private static int general(int d) {
        return d == 31 ? Arm64Cpu.SINK : d;
    }

    private static final class ScalarElement extends SimdOp {
        private final int esize;
        private final int d;
        private final int n;
        private final int index;

        ScalarElement(int esize, int d, int n, int index) {
            this.esize = esize;
            this.d = 2 * d;
            this.n = 2 * n;
            this.index = index;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.v[d] = Lanes.get(cpu.v, n, index, esize);
            cpu.v[d + 1] = 0;
        }
    }

    private static final class DuplicateElement extends SimdOp {
        private final boolean full;
        private final int esize;
        private final int d;
        private final int n;
        private final int index;

        DuplicateElement(boolean full, int esize, int d, int n, int index) {
            this.full = full;
            this.esize = esize;
            this.d = 2 * d;
            this.n = 2 * n;
            this.index = index;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long word = Lanes.get(cpu.v, n, index, esize) * Lanes.ones(esize);
            cpu.v[d] = word;
            cpu.v[d + 1] = full ? word : 0;
        }
    }

    private static final class DuplicateGeneral extends SimdOp {
        private final boolean full;
        private final long mask;
        private final long ones;
        private final int d;
        private final int n;

        DuplicateGeneral(boolean full, int esize, int d, int n) {
            this.full = full;
            this.mask = Lanes.mask(esize);
            this.ones = Lanes.ones(esize);
            this.d = 2 * d;
            this.n = n;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long word = (cpu.x[n] & mask) * ones;
            cpu.v[d] = word;
            cpu.v[d + 1] = full ? word : 0;
        }
    }

    private static final class InsertElement extends SimdOp {
        private final int esize;
        private final int d;
        private final int to;
        private final int n;
        private final int from;

        InsertElement(int esize, int d, int to, int n, int from) {
            this.esize = esize;
            this.d = 2 * d;
            this.to = to;
            this.n = 2 * n;
            this.from = from;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            Lanes.set(cpu.v, d, to, esize, Lanes.get(cpu.v, n, from, esize));
        }
    }

    private static final class InsertGeneral extends SimdOp {
        private final int esize;
        private final int d;
        private final int index;
        private final int n;

        InsertGeneral(int esize, int d, int index, int n) {
            this.esize = esize;
            this.d = 2 * d;
            this.index = index;
            this.n = n;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            Lanes.set(cpu.v, d, index, esize, cpu.x[n]);
        }
    }

    private static final class MoveUnsigned extends SimdOp {
        private final int esize;
        private final int d;
        private final int n;
        private final int index;

        MoveUnsigned(int esize, int d, int n, int index) {
            this.esize = esize;
            this.d = general(d);
            this.n = 2 * n;
            this.index = index;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[d] = Lanes.get(cpu.v, n, index, esize);
        }
    }

    private static final class MoveSigned extends SimdOp {
        private final int esize;
        private final long mask;
        private final int d;
        private final int n;
        private final int index;

        MoveSigned(int esize, boolean to64, int d, int n, int index) {
            this.esize = esize;
            this.mask = to64 ? -1L : 0xffff_ffffL;
            this.d = general(d);
            this.n = 2 * n;
            this.index = index;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[d] = Lanes.signed(Lanes.get(cpu.v, n, index, esize), esize) & mask;
        }
    }
}
