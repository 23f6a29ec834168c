package nestor.cpu.arm64;

/** AND, BIC, ORR, ORN, EOR, BSL, BIT, BIF (vector, §C7.2): bits, not elements. */
final class SimdLogical {
    private SimdLogical() {}

    /** The operation {@code U:size} of three-same opcode 00011. */
    static Op decode(int operation, boolean full, int d, int n, int m) {
        return switch (operation) {
            case 0 -> new And(full, d, n, m);
            case 1 -> new Bic(full, d, n, m);
            case 2 -> n == m ? new Mov(full, d, n) : new Orr(full, d, n, m);
            case 3 -> new Orn(full, d, n, m);
            case 4 -> new Eor(full, d, n, m);
            case 5 -> new Select(full, d, d, n, m);
            case 6 -> new Select(full, d, m, n, d);
            default -> new Select(full, d, m, d, n);
        };
    }

    /** ORR of a register with itself. */
    private static final class Mov extends SimdOp {
        private final boolean full;
        private final int d;
        private final int n;

        Mov(boolean full, int d, int n) {
            this.full = full;
            this.d = 2 * d;
            this.n = 2 * n;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.v[d] = cpu.v[n];
            cpu.v[d + 1] = full ? cpu.v[n + 1] : 0;
        }
    }

    private static final class And extends SimdOp {
        private final boolean full;
        private final int d;
        private final int n;
        private final int m;

        And(boolean full, int d, int n, int m) {
            this.full = full;
            this.d = 2 * d;
            this.n = 2 * n;
            this.m = 2 * m;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long[] v = cpu.v;
            v[d] = v[n] & v[m];
            v[d + 1] = full ? v[n + 1] & v[m + 1] : 0;
        }
    }

    private static final class Bic extends SimdOp {
        private final boolean full;
        private final int d;
        private final int n;
        private final int m;

        Bic(boolean full, int d, int n, int m) {
            this.full = full;
            this.d = 2 * d;
            this.n = 2 * n;
            this.m = 2 * m;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long[] v = cpu.v;
            v[d] = v[n] & ~v[m];
            v[d + 1] = full ? v[n + 1] & ~v[m + 1] : 0;
        }
    }

    private static final class Orr extends SimdOp {
        private final boolean full;
        private final int d;
        private final int n;
        private final int m;

        Orr(boolean full, int d, int n, int m) {
            this.full = full;
            this.d = 2 * d;
            this.n = 2 * n;
            this.m = 2 * m;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long[] v = cpu.v;
            v[d] = v[n] | v[m];
            v[d + 1] = full ? v[n + 1] | v[m + 1] : 0;
        }
    }

    private static final class Orn extends SimdOp {
        private final boolean full;
        private final int d;
        private final int n;
        private final int m;

        Orn(boolean full, int d, int n, int m) {
            this.full = full;
            this.d = 2 * d;
            this.n = 2 * n;
            this.m = 2 * m;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long[] v = cpu.v;
            v[d] = v[n] | ~v[m];
            v[d + 1] = full ? v[n + 1] | ~v[m + 1] : 0;
        }
    }

    private static final class Eor extends SimdOp {
        private final boolean full;
        private final int d;
        private final int n;
        private final int m;

        Eor(boolean full, int d, int n, int m) {
            this.full = full;
            this.d = 2 * d;
            this.n = 2 * n;
            this.m = 2 * m;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long[] v = cpu.v;
            v[d] = v[n] ^ v[m];
            v[d + 1] = full ? v[n + 1] ^ v[m + 1] : 0;
        }
    }

    /** BSL, BIT, BIF: one register chooses, bit by bit, between two others. */
    private static final class Select extends SimdOp {
        private final boolean full;
        private final int d;
        private final int chooser;
        private final int one;
        private final int zero;

        Select(boolean full, int d, int chooser, int one, int zero) {
            this.full = full;
            this.d = 2 * d;
            this.chooser = 2 * chooser;
            this.one = 2 * one;
            this.zero = 2 * zero;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long[] v = cpu.v;
            v[d] = v[zero] ^ (v[zero] ^ v[one]) & v[chooser];
            int h = d + 1;
            v[h] = full ? v[zero + 1] ^ (v[zero + 1] ^ v[one + 1]) & v[chooser + 1] : 0;
        }
    }
}
