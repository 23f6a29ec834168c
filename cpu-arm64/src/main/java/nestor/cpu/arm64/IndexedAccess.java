package nestor.cpu.arm64;

import static nestor.cpu.arm64.Encoding.WORD;

/**
 * Loads and stores of a general register that write the base back: post-indexed, pre-indexed
 * (§C4.1.88). Where {@code t} is the base itself (CONSTRAINED UNPREDICTABLE), the base is written
 * last and a store takes its old value.
 */
final class IndexedAccess {
    private IndexedAccess() {}

    /**
     * Chooses the access.
     *
     * @param operation {@code size:opc}
     * @param rt encoded register number
     * @param n index of the base register
     */
    static Op of(int operation, int rt, int n, long offset, long step) {
        int t = LoadsAndStores.transferred(operation, rt);
        return switch (operation) {
            case 0b00_00 -> new Store8(t, n, offset, step);
            case 0b00_01 -> new Load8(t, n, offset, step);
            case 0b00_10 -> new LoadSigned8(t, n, offset, step, -1);
            case 0b00_11 -> new LoadSigned8(t, n, offset, step, WORD);
            case 0b01_00 -> new Store16(t, n, offset, step);
            case 0b01_01 -> new Load16(t, n, offset, step);
            case 0b01_10 -> new LoadSigned16(t, n, offset, step, -1);
            case 0b01_11 -> new LoadSigned16(t, n, offset, step, WORD);
            case 0b10_00 -> new Store32(t, n, offset, step);
            case 0b10_01 -> new Load32(t, n, offset, step);
            case 0b10_10 -> new LoadSigned32(t, n, offset, step);
            case 0b11_00 -> new Store64(t, n, offset, step);
            case 0b11_01 -> new Load64(t, n, offset, step);
            default -> Undefined.OP;
        };
    }

    /** Register {@code t} at {@code [n, #offset]}, then {@code n += step}. */
    abstract static class Access extends Op {
        final int t;
        final int n;
        final long offset;
        final long step;

        Access(int t, int n, long offset, long step) {
            this.t = t;
            this.n = n;
            this.offset = offset;
            this.step = step;
        }
    }

    static final class Load8 extends Access {
        Load8(int t, int n, long offset, long step) {
            super(t, n, offset, step);
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long base = cpu.x[n];
            long value = cpu.load8(base + offset);
            cpu.x[t] = value;
            cpu.x[n] = base + step;
        }
    }

    static final class Load16 extends Access {
        Load16(int t, int n, long offset, long step) {
            super(t, n, offset, step);
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long base = cpu.x[n];
            long value = cpu.load16(base + offset);
            cpu.x[t] = value;
            cpu.x[n] = base + step;
        }
    }

    static final class Load32 extends Access {
        Load32(int t, int n, long offset, long step) {
            super(t, n, offset, step);
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long base = cpu.x[n];
            long value = cpu.load32(base + offset);
            cpu.x[t] = value;
            cpu.x[n] = base + step;
        }
    }

    static final class Load64 extends Access {
        Load64(int t, int n, long offset, long step) {
            super(t, n, offset, step);
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long base = cpu.x[n];
            long value = cpu.load64(base + offset);
            cpu.x[t] = value;
            cpu.x[n] = base + step;
        }
    }

    static final class LoadSigned8 extends Access {
        private final long width;

        LoadSigned8(int t, int n, long offset, long step, long width) {
            super(t, n, offset, step);
            this.width = width;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long base = cpu.x[n];
            long value = (byte) cpu.load8(base + offset) & width;
            cpu.x[t] = value;
            cpu.x[n] = base + step;
        }
    }

    static final class LoadSigned16 extends Access {
        private final long width;

        LoadSigned16(int t, int n, long offset, long step, long width) {
            super(t, n, offset, step);
            this.width = width;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long base = cpu.x[n];
            long value = (short) cpu.load16(base + offset) & width;
            cpu.x[t] = value;
            cpu.x[n] = base + step;
        }
    }

    static final class LoadSigned32 extends Access {
        LoadSigned32(int t, int n, long offset, long step) {
            super(t, n, offset, step);
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long base = cpu.x[n];
            long value = (int) cpu.load32(base + offset);
            cpu.x[t] = value;
            cpu.x[n] = base + step;
        }
    }

    static final class Store8 extends Access {
        Store8(int t, int n, long offset, long step) {
            super(t, n, offset, step);
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long base = cpu.x[n];
            cpu.store8(base + offset, cpu.x[t]);
            cpu.x[n] = base + step;
        }
    }

    static final class Store16 extends Access {
        Store16(int t, int n, long offset, long step) {
            super(t, n, offset, step);
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long base = cpu.x[n];
            cpu.store16(base + offset, cpu.x[t]);
            cpu.x[n] = base + step;
        }
    }

    static final class Store32 extends Access {
        Store32(int t, int n, long offset, long step) {
            super(t, n, offset, step);
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long base = cpu.x[n];
            cpu.store32(base + offset, cpu.x[t]);
            cpu.x[n] = base + step;
        }
    }

    static final class Store64 extends Access {
        Store64(int t, int n, long offset, long step) {
            super(t, n, offset, step);
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long base = cpu.x[n];
            cpu.store64(base + offset, cpu.x[t]);
            cpu.x[n] = base + step;
        }
    }
}
