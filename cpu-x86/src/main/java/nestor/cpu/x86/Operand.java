package nestor.cpu.x86;

/**
 * Where an instruction finds or leaves a value of 1, 2, 4 or 8 bytes. For instructions that are not
 * worth a class for each combination.
 */
abstract class Operand {
    final int bytes;

    Operand(int bytes) {
        this.bytes = bytes;
    }

    /** The value, sign-extended. */
    abstract long read(X86Cpu cpu);

    /** As {@link #read}, of an operand that is written next: faults as the write would. */
    long readForUpdate(X86Cpu cpu) {
        return read(cpu);
    }

    /** Writes the low bytes of {@code value}; a 32-bit register's upper half becomes zero. */
    abstract void write(X86Cpu cpu, long value);

    /** Index of the register whose low bytes it is, or -1. */
    int lowRegister() {
        return -1;
    }

    /** Whether it is memory of the stack segment. */
    boolean isStack() {
        return false;
    }

    /** The value, zero-extended. */
    final long readUnsigned(X86Cpu cpu) {
        return read(cpu) & mask(bytes);
    }

    /** Sign-extends the low {@code bytes}. */
    static long signed(long value, int bytes) {
        int shift = 64 - 8 * bytes;
        return value << shift >> shift;
    }

    /** Ones in the low {@code bytes}. */
    static long mask(int bytes) {
        return -1L >>> (64 - 8 * bytes);
    }

    /**
     * A general register.
     *
     * @param register as encoded, with its REX bit
     * @param rex whether there is a REX prefix: SPL instead of AH (2A §2.2.1.2)
     */
    static Operand register(int register, int bytes, boolean rex) {
        return switch (bytes) {
            case 1 ->
                    rex || register < 4
                            ? new Register8(register, 0)
                            : new Register8(register - 4, 8);
            case 2 -> new Register16(register);
            case 4 -> new Register32(register);
            default -> new Register64(register);
        };
    }

    private static final class Register8 extends Operand {
        private final int r;
        private final int shift;

        Register8(int r, int shift) {
            super(1);
            this.r = r;
            this.shift = shift;
        }

        @Override
        int lowRegister() {
            return shift == 0 ? r : -1;
        }

        @Override
        long read(X86Cpu cpu) {
            return (byte) (cpu.x[r] >>> shift);
        }

        @Override
        void write(X86Cpu cpu, long value) {
            cpu.x[r] = cpu.x[r] & ~(0xffL << shift) | (value & 0xff) << shift;
        }
    }

    private static final class Register16 extends Operand {
        private final int r;

        Register16(int r) {
            super(2);
            this.r = r;
        }

        @Override
        int lowRegister() {
            return r;
        }

        @Override
        long read(X86Cpu cpu) {
            return (short) cpu.x[r];
        }

        @Override
        void write(X86Cpu cpu, long value) {
            cpu.x[r] = cpu.x[r] & ~0xffffL | value & 0xffff;
        }
    }

    private static final class Register32 extends Operand {
        private final int r;

        Register32(int r) {
            super(4);
            this.r = r;
        }

        @Override
        int lowRegister() {
            return r;
        }

        @Override
        long read(X86Cpu cpu) {
            return (int) cpu.x[r];
        }

        @Override
        void write(X86Cpu cpu, long value) {
            cpu.x[r] = value & 0xffff_ffffL;
        }
    }

    private static final class Register64 extends Operand {
        private final int r;

        Register64(int r) {
            super(8);
            this.r = r;
        }

        @Override
        int lowRegister() {
            return r;
        }

        @Override
        long read(X86Cpu cpu) {
            return cpu.x[r];
        }

        @Override
        void write(X86Cpu cpu, long value) {
            cpu.x[r] = value;
        }
    }

    /** A constant. */
    static final class Immediate extends Operand {
        final long value;

        Immediate(long value, int bytes) {
            super(bytes);
            this.value = signed(value, bytes);
        }

        @Override
        long read(X86Cpu cpu) {
            return value;
        }

        @Override
        void write(X86Cpu cpu, long ignored) {
            throw new IllegalStateException("an immediate is no destination");
        }
    }

    /** Bytes in memory. */
    static final class Memory extends Operand {
        final Address address;

        Memory(Address address, int bytes) {
            super(bytes);
            this.address = address;
        }

        @Override
        long read(X86Cpu cpu) {
            return signed(cpu.load(address.of(cpu), bytes), bytes);
        }

        @Override
        boolean isStack() {
            return address.stack;
        }

        @Override
        long readForUpdate(X86Cpu cpu) {
            return signed(cpu.loadForUpdate(address.of(cpu), bytes), bytes);
        }

        @Override
        void write(X86Cpu cpu, long value) {
            cpu.store(address.of(cpu), bytes, value);
        }
    }
}
