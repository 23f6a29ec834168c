package nestor.cpu.arm64;

import static nestor.cpu.arm64.Encoding.WORD;

/**
 * Loads and stores of a general register at base plus constant: unsigned scaled offset (LDR),
 * signed unscaled offset (LDUR) (§C4.1.88).
 */
final class OffsetAccess {
    private OffsetAccess() {}

    /**
     * Chooses the access.
     *
     * @param operation {@code size:opc}
     * @param rt encoded register number
     * @param n index of the base register
     */
    static Op of(int operation, int rt, int n, long offset) {
        int t = LoadsAndStores.transferred(operation, rt);
        return switch (operation) {
            case 0b00_00 -> new Store8(t, n, offset);
            case 0b00_01 -> new Load8(t, n, offset);
            case 0b00_10 -> new LoadSigned8(t, n, offset, -1);
            case 0b00_11 -> new LoadSigned8(t, n, offset, WORD);
            case 0b01_00 -> new Store16(t, n, offset);
            case 0b01_01 -> new Load16(t, n, offset);
            case 0b01_10 -> new LoadSigned16(t, n, offset, -1);
            case 0b01_11 -> new LoadSigned16(t, n, offset, WORD);
            case 0b10_00 -> new Store32(t, n, offset);
            case 0b10_01 -> new Load32(t, n, offset);
            case 0b10_10 -> new LoadSigned32(t, n, offset);
            case 0b11_00 -> new Store64(t, n, offset);
            case 0b11_01 -> new Load64(t, n, offset);
            case 0b11_10 -> SystemOps.Nop.OP; // PRFM
            default -> Undefined.OP;
        };
    }

    /** Register {@code t} at {@code [n, #offset]}. */
    abstract static class Access extends Op {
        final int t;
        final int n;
        final long offset;

        Access(int t, int n, long offset) {
            this.t = t;
            this.n = n;
            this.offset = offset;
        }
    }

    static final class Load8 extends Access {
        Load8(int t, int n, long offset) {
            super(t, n, offset);
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[t] = cpu.load8(cpu.x[n] + offset);
        }
    }

    static final class Load16 extends Access {
        Load16(int t, int n, long offset) {
            super(t, n, offset);
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[t] = cpu.load16(cpu.x[n] + offset);
        }
    }

    static final class Load32 extends Access {
        Load32(int t, int n, long offset) {
            super(t, n, offset);
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[t] = cpu.load32(cpu.x[n] + offset);
        }
    }

    static final class Load64 extends Access {
        Load64(int t, int n, long offset) {
            super(t, n, offset);
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[t] = cpu.load64(cpu.x[n] + offset);
        }
    }

    static final class LoadSigned8 extends Access {
        private final long width;

        LoadSigned8(int t, int n, long offset, long width) {
            super(t, n, offset);
            this.width = width;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[t] = (byte) cpu.load8(cpu.x[n] + offset) & width;
        }
    }

    static final class LoadSigned16 extends Access {
        private final long width;

        LoadSigned16(int t, int n, long offset, long width) {
            super(t, n, offset);
            this.width = width;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[t] = (short) cpu.load16(cpu.x[n] + offset) & width;
        }
    }

    static final class LoadSigned32 extends Access {
        LoadSigned32(int t, int n, long offset) {
            super(t, n, offset);
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[t] = (int) cpu.load32(cpu.x[n] + offset);
        }
    }

    static final class Store8 extends Access {
        Store8(int t, int n, long offset) {
            super(t, n, offset);
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.store8(cpu.x[n] + offset, cpu.x[t]);
        }
    }

    static final class Store16 extends Access {
        Store16(int t, int n, long offset) {
            super(t, n, offset);
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.store16(cpu.x[n] + offset, cpu.x[t]);
        }
    }

    static final class Store32 extends Access {
        Store32(int t, int n, long offset) {
            super(t, n, offset);
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.store32(cpu.x[n] + offset, cpu.x[t]);
        }
    }

    static final class Store64 extends Access {
        Store64(int t, int n, long offset) {
            super(t, n, offset);
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.store64(cpu.x[n] + offset, cpu.x[t]);
        }
    }
}
