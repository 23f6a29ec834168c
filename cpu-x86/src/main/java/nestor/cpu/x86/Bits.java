package nestor.cpu.x86;

/** BT, BTS, BTR, BTC, BSF, BSR and POPCNT. */
final class Bits {
    private static final int BT = 0;
    private static final int BTS = 1;
    private static final int BTR = 2;

    private Bits() {}

    /** 0F A3, AB, B3 and BB: the bit's number is in a register. */
    static Op byRegister(Instruction in) throws Instruction.Truncated {
        in.modRm();
        int kind = in.opcode >>> 3 & 3;
        int bytes = in.operandBytes;
        boolean locked = kind != BT && in.takeLock();
        Operand number = in.regOperand(bytes);
        return in.isRegister()
                ? new InOperand(kind, in.rmOperand(bytes), number)
                : new InString(kind, in.memory(), number, locked);
    }

    /** 0F BA /4 to /7: the number is an immediate. */
    static Op byImmediate(Instruction in) throws Instruction.Truncated {
        in.modRm();
        int kind = in.extension() & 3;
        int bytes = in.operandBytes;
        boolean locked = kind != BT && in.takeLock();
        Operand number = new Operand.Immediate(in.signed(1) & (8 * bytes - 1), 8);
        if (in.extension() < 4) {
            return Undefined.OP;
        }
        return locked
                ? new InString(kind, in.memory(), new NumberOf(number, bytes), true)
                : new InOperand(kind, in.rmOperand(bytes), number);
    }

    /** 0F BC and BD. */
    static Op scan(Instruction in) throws Instruction.Truncated {
        in.modRm();
        int bytes = in.operandBytes;
        return new Scan(in.regOperand(bytes), in.rmOperand(bytes), in.opcode == 0xbc);
    }

    /** F3 0F B8. */
    static Op count(Instruction in) throws Instruction.Truncated {
        in.modRm();
        int bytes = in.operandBytes;
        return new Count(in.regOperand(bytes), in.rmOperand(bytes));
    }

    private static long changed(int kind, long value, long bit) {
        return switch (kind) {
            case BTS -> value | bit;
            case BTR -> value & ~bit;
            default -> value ^ bit;
        };
    }

    /** An immediate number, of the width of the operand it is a bit of. */
    private static final class NumberOf extends Operand {
        private final Operand number;

        NumberOf(Operand number, int bytes) {
            super(bytes);
            this.number = number;
        }

        @Override
        long read(X86Cpu cpu) {
            return number.read(cpu);
        }

        @Override
        void write(X86Cpu cpu, long value) {
            number.write(cpu, value);
        }
    }

    /** The number counts modulo the operand's size. */
    private static final class InOperand extends Op {
        private final int kind;
        private final Operand operand;
        private final Operand number;

        InOperand(int kind, Operand operand, Operand number) {
            this.kind = kind;
            this.operand = operand;
            this.number = number;
        }

        @Override
        void exec(X86Cpu cpu) {
            int n = (int) number.read(cpu) & (8 * operand.bytes - 1);
            long value = kind == BT ? operand.read(cpu) : operand.readForUpdate(cpu);
            if (kind != BT) {
                operand.write(cpu, changed(kind, value, 1L << n));
            }
            Flags.setCarry(cpu, (int) (value >>> n) & 1);
        }

        @Override
        boolean usesStack() {
            return operand.isStack();
        }
    }

    /** The number counts from the address, to either side. */
    private static final class InString extends Op {
        private final int kind;
        private final Address address;
        private final Operand number;
        private final boolean locked;

        InString(int kind, Address address, Operand number, boolean locked) {
            this.kind = kind;
            this.address = address;
            this.number = number;
            this.locked = locked;
        }

        @Override
        void exec(X86Cpu cpu) {
            int bytes = number.bytes;
            int bits = 8 * bytes;
            long n = number.read(cpu);
            long va = address.of(cpu, Math.floorDiv(n, bits) * bytes);
            long bit = 1L << (n & (bits - 1));
            long seen = kind == BT ? cpu.load(va, bytes) : cpu.loadForUpdate(va, bytes);
            if (locked) {
                long expected;
                do {
                    expected = seen;
                    seen =
                            cpu.compareAndExchange(
                                    va, bytes, expected, changed(kind, expected, bit));
                } while (seen != expected);
            } else if (kind != BT) {
                cpu.store(va, bytes, changed(kind, seen, bit));
            }
            Flags.setCarry(cpu, (seen & bit) != 0 ? 1 : 0);
        }

        @Override
        boolean usesStack() {
            return address.stack;
        }
    }

    /** With a source of zero the destination is undefined, and stays. */
    private static final class Scan extends Op {
        private final Operand destination;
        private final Operand source;
        private final boolean forward;

        Scan(Operand destination, Operand source, boolean forward) {
            this.destination = destination;
            this.source = source;
            this.forward = forward;
        }

        @Override
        void exec(X86Cpu cpu) {
            long value = source.readUnsigned(cpu);
            if (value != 0) {
                destination.write(
                        cpu,
                        forward
                                ? Long.numberOfTrailingZeros(value)
                                : 63 - Long.numberOfLeadingZeros(value));
            }
            Flags.setZero(cpu, value == 0);
        }

        @Override
        boolean usesStack() {
            return source.isStack();
        }
    }

    private static final class Count extends Op {
        private final Operand destination;
        private final Operand source;

        Count(Operand destination, Operand source) {
            this.destination = destination;
            this.source = source;
        }

        @Override
        void exec(X86Cpu cpu) {
            int count = Long.bitCount(source.readUnsigned(cpu));
            destination.write(cpu, count);
            Flags.set(cpu, count == 0 ? Flags.ZF : 0);
        }

        @Override
        boolean usesStack() {
            return source.isStack();
        }
    }
}
