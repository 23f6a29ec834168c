package nestor.cpu.arm64;

import static nestor.cpu.arm64.LaneFunction.UNALLOCATED;

/** AdvSIMD across lanes and AdvSIMD scalar pairwise (§C4.1.96). */
final class SimdAcross {
    private SimdAcross() {}

    static Op vector(int instruction) {
        boolean full = (instruction & 1 << 30) != 0;
        int u = instruction >>> 29 & 1;
        int size = instruction >>> 22 & 3;
        int opcode = instruction >>> 12 & 31;
        int n = instruction >>> 5 & 31;
        int d = instruction & 31;
        if (opcode == 0b01100 || opcode == 0b01111) {
            return u == 0 || (size & 1) != 0 || !full
                    ? Undefined.OP
                    : new SimdShapes.Across(fp(size >> 1, opcode), true, 32, d, n);
        }
        if (size == 3 || size == 2 && !full) {
            return Undefined.OP;
        }
        int esize = 8 << size;
        return switch (u << 5 | opcode) {
            case 0b0_00011 -> new SumLong(true, full, esize, d, n);
            case 0b1_00011 -> new SumLong(false, full, esize, d, n);
            case 0b0_01010 -> new SimdShapes.Across(IntegerLanes::maxSigned, full, esize, d, n);
            case 0b1_01010 -> new SimdShapes.Across(IntegerLanes::maxUnsigned, full, esize, d, n);
            case 0b0_11010 -> new SimdShapes.Across(IntegerLanes::minSigned, full, esize, d, n);
            case 0b1_11010 -> new SimdShapes.Across(IntegerLanes::minUnsigned, full, esize, d, n);
            case 0b0_11011 -> new Sum(full, esize, d, n);
            default -> Undefined.OP;
        };
    }

    static Op scalar(int instruction) {
        int size = instruction >>> 22 & 3;
        int opcode = instruction >>> 12 & 31;
        int n = instruction >>> 5 & 31;
        int d = instruction & 31;
        if ((instruction & 1 << 29) == 0) {
            return opcode == 0b11011 && size == 3
                    ? new SimdShapes.Across(IntegerLanes::add, true, 64, d, n)
                    : Undefined.OP;
        }
        LaneFunction function = fp(size >> 1, opcode);
        boolean isDouble = (size & 1) != 0;
        return !function.allocated()
                ? Undefined.OP
                : new SimdShapes.Across(function, isDouble, isDouble ? 64 : 32, d, n);
    }

    private static LaneFunction fp(int a, int opcode) {
        return switch (a << 5 | opcode) {
            case 0b0_01100 -> FpLanes::maxNumber;
            case 0b0_01101 -> FpLanes::add;
            case 0b0_01111 -> FpLanes::max;
            case 0b1_01100 -> FpLanes::minNumber;
            case 0b1_01111 -> FpLanes::min;
            default -> UNALLOCATED;
        };
    }

    /** ADDV. */
    private static final class Sum extends SimdOp {
        private final boolean full;
        private final int esize;
        private final int d;
        private final int n;

        Sum(boolean full, int esize, int d, int n) {
            this.full = full;
            this.esize = esize;
            this.d = 2 * d;
            this.n = 2 * n;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long high = Lanes.ones(esize) << (esize - 1);
            long sum = full ? Lanes.add(cpu.v[n], cpu.v[n + 1], high) : cpu.v[n];
            for (int shift = 32; shift >= esize; shift >>= 1) {
                sum = Lanes.add(sum, sum >>> shift, high);
            }
            cpu.v[d] = sum & Lanes.mask(esize);
            cpu.v[d + 1] = 0;
        }
    }

    /** SADDLV, UADDLV. */
    private static final class SumLong extends SimdOp {
        private final boolean signed;
        private final boolean full;
        private final int esize;
        private final int d;
        private final int n;

        SumLong(boolean signed, boolean full, int esize, int d, int n) {
            this.signed = signed;
            this.full = full;
            this.esize = esize;
            this.d = 2 * d;
            this.n = 2 * n;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long sum = 0;
            for (int i = 0; i < (full ? 128 : 64) / esize; i++) {
                long lane = Lanes.get(cpu.v, n, i, esize);
                sum += signed ? Lanes.signed(lane, esize) : lane;
            }
            cpu.v[d] = sum & Lanes.mask(2 * esize);
            cpu.v[d + 1] = 0;
        }
    }
}
