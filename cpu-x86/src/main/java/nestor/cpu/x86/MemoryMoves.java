package nestor.cpu.x86;

/** MOV between a register and memory, 4 and 8 bytes wide; loads that extend. */
final class MemoryMoves {
    private MemoryMoves() {}

    /** MOV of 4 or 8 bytes, whose ModRM is read already. */
    static Op load(Instruction in) {
        boolean wide = in.operandBytes == 8;
        if (in.memory().isNear()) {
            return wide
                    ? new NearLoad64(in.reg(), in.memory())
                    : new NearLoad32(in.reg(), in.memory());
        }
        return wide ? new Load64(in.reg(), in.memory()) : new Load32(in.reg(), in.memory());
    }

    /** MOV of 4 or 8 bytes and MOVNTI, whose ModRM is read already. */
    static Op store(Instruction in) {
        if (in.memory().isNear()) {
            return in.operandBytes == 8
                    ? new NearStore64(in.reg(), in.memory())
                    : new NearStore32(in.reg(), in.memory());
        }
        return in.operandBytes == 8
                ? new Store64(in.reg(), in.memory())
                : new Store32(in.reg(), in.memory());
    }

    /** Of a register and memory at any address. */
    abstract static class Access extends Op {
        final int r;
        final Address address;

        Access(int r, Address address) {
            this.r = r;
            this.address = address;
        }

        @Override
        final boolean usesStack() {
            return address.stack;
        }
    }

    private static final class Load64 extends Access {
        Load64(int r, Address address) {
            super(r, address);
        }

        @Override
        void exec(X86Cpu cpu) {
            cpu.x[r] = cpu.load64(address.of(cpu));
        }
    }

    private static final class Load32 extends Access {
        Load32(int r, Address address) {
            super(r, address);
        }

        @Override
        void exec(X86Cpu cpu) {
            cpu.x[r] = cpu.load32(address.of(cpu));
        }
    }

    private static final class Store64 extends Access {
        Store64(int r, Address address) {
            super(r, address);
        }

        @Override
        void exec(X86Cpu cpu) {
            cpu.store64(address.of(cpu), cpu.x[r]);
        }
    }

    private static final class Store32 extends Access {
        Store32(int r, Address address) {
            super(r, address);
        }

        @Override
        void exec(X86Cpu cpu) {
            cpu.store32(address.of(cpu), cpu.x[r]);
        }
    }

    /** Of a register and memory at a register plus displacement: what most accesses are. */
    private abstract static class Near extends Op {
        final byte r;
        final byte base;
        private final boolean stack;
        final long displacement;

        Near(int r, Address address) {
            this.r = (byte) r;
            base = (byte) address.base();
            stack = address.stack;
            displacement = address.displacement();
        }

        @Override
        final boolean usesStack() {
            return stack;
        }
    }

    private static final class NearLoad64 extends Near {
        NearLoad64(int r, Address address) {
            super(r, address);
        }

        @Override
        void exec(X86Cpu cpu) {
            long[] x = cpu.x;
            x[r] = cpu.load64(x[base] + displacement);
        }
    }

    private static final class NearLoad32 extends Near {
        NearLoad32(int r, Address address) {
            super(r, address);
        }

        @Override
        void exec(X86Cpu cpu) {
            long[] x = cpu.x;
            x[r] = cpu.load32(x[base] + displacement);
        }
    }

    private static final class NearStore64 extends Near {
        NearStore64(int r, Address address) {
            super(r, address);
        }

        @Override
        void exec(X86Cpu cpu) {
            long[] x = cpu.x;
            cpu.store64(x[base] + displacement, x[r]);
        }
    }

    private static final class NearStore32 extends Near {
        NearStore32(int r, Address address) {
            super(r, address);
        }

        @Override
        void exec(X86Cpu cpu) {
            long[] x = cpu.x;
            cpu.store32(x[base] + displacement, x[r]);
        }
    }

    static final class LoadExtended extends Access {
        private final int bytes;
        private final boolean signed;
        private final long mask;

        LoadExtended(int r, Address address, int bytes, boolean signed, long mask) {
            super(r, address);
            this.bytes = bytes;
            this.signed = signed;
            this.mask = mask;
        }

        @Override
        void exec(X86Cpu cpu) {
            long value = cpu.load(address.of(cpu), bytes);
            cpu.x[r] = signed ? Operand.signed(value, bytes) & mask : value;
        }
    }
}
