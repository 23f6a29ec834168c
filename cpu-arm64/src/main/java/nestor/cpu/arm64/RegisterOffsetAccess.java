package nestor.cpu.arm64;

import static nestor.cpu.arm64.Encoding.WORD;

/** Loads and stores of a general register at base plus extended and shifted register (§C4.1.88). */
final class RegisterOffsetAccess {
    private RegisterOffsetAccess() {}

    /**
     * Chooses the access.
     *
     * @param operation {@code size:opc}
     * @param rt encoded register number
     * @param n index of the base register
     */
    static Op of(int operation, int rt, int n, int m, Extension offset) {
        int t = LoadsAndStores.transferred(operation, rt);
        return switch (operation) {
            case 0b00_00 -> new Store8(t, n, m, offset);
            case 0b00_01 -> new Load8(t, n, m, offset);
            case 0b00_10 -> new LoadSigned8(t, n, m, offset, -1);
            case 0b00_11 -> new LoadSigned8(t, n, m, offset, WORD);
            case 0b01_00 -> new Store16(t, n, m, offset);
            case 0b01_01 -> new Load16(t, n, m, offset);
            case 0b01_10 -> new LoadSigned16(t, n, m, offset, -1);
            case 0b01_11 -> new LoadSigned16(t, n, m, offset, WORD);
            case 0b10_00 -> new Store32(t, n, m, offset);
            case 0b10_01 -> new Load32(t, n, m, offset);
            case 0b10_10 -> new LoadSigned32(t, n, m, offset);
            case 0b11_00 -> new Store64(t, n, m, offset);
            case 0b11_01 -> new Load64(t, n, m, offset);
            case 0b11_10 -> SystemOps.Nop.OP; // PRFM
            default -> Undefined.OP;
        };
    }

    /** Register {@code t} at {@code [n, m, extended]}. */
    abstract static class Access extends Op {
        final int t;
        final int n;
        final int m;
        final long keep;
        final long sign;
        final int left;

        Access(int t, int n, int m, Extension offset) {
            this.t = t;
            this.n = n;
            this.m = m;
            this.keep = offset.keep();
            this.sign = offset.sign();
            this.left = offset.left();
        }

        final long address(Arm64Cpu cpu) {
            return cpu.x[n] + ((cpu.x[m] & keep ^ sign) - sign << left);
        }
    }

    static final class Load8 extends Access {
        Load8(int t, int n, int m, Extension offset) {
            super(t, n, m, offset);
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[t] = cpu.load8(address(cpu));
        }
    }

    static final class Load16 extends Access {
        Load16(int t, int n, int m, Extension offset) {
            super(t, n, m, offset);
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[t] = cpu.load16(address(cpu));
        }
    }

    static final class Load32 extends Access {
        Load32(int t, int n, int m, Extension offset) {
            super(t, n, m, offset);
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[t] = cpu.load32(address(cpu));
        }
    }

    static final class Load64 extends Access {
        Load64(int t, int n, int m, Extension offset) {
            super(t, n, m, offset);
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[t] = cpu.load64(address(cpu));
        }
    }

    static final class LoadSigned8 extends Access {
        private final long width;

        LoadSigned8(int t, int n, int m, Extension offset, long width) {
            super(t, n, m, offset);
            this.width = width;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[t] = (byte) cpu.load8(address(cpu)) & width;
        }
    }

    static final class LoadSigned16 extends Access {
        private final long width;

        LoadSigned16(int t, int n, int m, Extension offset, long width) {
            super(t, n, m, offset);
            this.width = width;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[t] = (short) cpu.load16(address(cpu)) & width;
        }
    }

    static final class LoadSigned32 extends Access {
        LoadSigned32(int t, int n, int m, Extension offset) {
            super(t, n, m, offset);
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[t] = (int) cpu.load32(address(cpu));
        }
    }

    static final class Store8 extends Access {
        Store8(int t, int n, int m, Extension offset) {
            super(t, n, m, offset);
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.store8(address(cpu), cpu.x[t]);
        }
    }

    static final class Store16 extends Access {
        Store16(int t, int n, int m, Extension offset) {
            super(t, n, m, offset);
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.store16(address(cpu), cpu.x[t]);
        }
    }

    static final class Store32 extends Access {
        Store32(int t, int n, int m, Extension offset) {
            super(t, n, m, offset);
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.store32(address(cpu), cpu.x[t]);
        }
    }

    static final class Store64 extends Access {
        Store64(int t, int n, int m, Extension offset) {
            super(t, n, m, offset);
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.store64(address(cpu), cpu.x[t]);
        }
    }
}
