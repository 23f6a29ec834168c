package nestor.cpu.x86;

import org.jspecify.annotations.Nullable;

/** ROL, ROR, RCL, RCR, SHL, SHR, SAR, SHLD and SHRD. */
final class Shifts {
    private static final int ROL = 0;
    private static final int RCL = 2;
    private static final int SHR = 5;
    private static final int SAR = 7;

    private Shifts() {}

    /** Group 2: C0, C1 by an immediate, D0, D1 by one, D2, D3 by CL. */
    static Op group2(Instruction in) throws Instruction.Truncated {
        in.modRm();
        int bytes = (in.opcode & 1) == 0 ? 1 : in.operandBytes;
        Operand operand = in.rmOperand(bytes);
        int kind = in.extension();
        if (in.opcode >= 0xd2) {
            return new ByCount(kind, operand);
        }
        int count = (in.opcode >= 0xd0 ? 1 : (int) in.signed(1)) & countMask(bytes);
        if (in.isRegister() && bytes >= 4 && kind >= 4 && count != 0) {
            if (bytes == 4) {
                return new Register32(kind, in.rm(), count);
            }
            return switch (kind) {
                case SHR -> new Right64(in.rm(), count);
                case SAR -> new Arithmetic64(in.rm(), count);
                default -> new Left64(in.rm(), count);
            };
        }
        return new ByConstant(kind, operand, count);
    }

    /** 0F A4, A5, AC and AD. */
    static Op doubleShift(Instruction in) throws Instruction.Truncated {
        in.modRm();
        int bytes = in.operandBytes;
        boolean left = (in.opcode & 8) == 0;
        Operand destination = in.rmOperand(bytes);
        Operand source = in.regOperand(bytes);
        Integer count = (in.opcode & 1) == 0 ? (int) in.signed(1) : null;
        return new DoubleShift(destination, source, left, count);
    }

    private static int countMask(int bytes) {
        return bytes == 8 ? 63 : 31;
    }

    /** Shifts the operand by {@code count}, which is masked and not zero. */
    private static void shift(X86Cpu cpu, int kind, Operand operand, int count) {
        int bits = 8 * operand.bytes;
        long signed = operand.readForUpdate(cpu);
        long value = signed & Operand.mask(operand.bytes);
        if (kind < 4) {
            rotate(cpu, kind, operand, value, count);
            return;
        }
        long r =
                switch (kind) {
                    case SHR -> value >>> count;
                    case SAR -> signed >> count;
                    default -> value << count;
                };
        operand.write(cpu, r);
        flags(cpu, kind, kind == SAR ? signed : value, count, bits, r);
    }

    private static void flags(X86Cpu cpu, int kind, long value, int count, int bits, long r) {
        long result = Operand.signed(r, bits / 8);
        int carry;
        int overflow;
        switch (kind) {
            case SHR -> {
                carry = (int) (value >>> (count - 1)) & 1;
                overflow = (int) (value >>> (bits - 1)) & 1;
            }
            case SAR -> {
                carry = (int) (value >> (count - 1)) & 1;
                overflow = 0;
            }
            default -> {
                carry = count > bits ? 0 : (int) (value >>> (bits - count)) & 1;
                overflow = carry ^ (int) (result >>> 63);
            }
        }
        Flags.of(cpu, result, carry, overflow, 0);
    }

    private static void rotate(X86Cpu cpu, int kind, Operand operand, long value, int count) {
        int bits = 8 * operand.bytes;
        boolean left = kind == ROL || kind == RCL;
        long r;
        int carry;
        if (kind >= RCL) {
            int n = count % (bits + 1);
            long in = Flags.carry(cpu);
            if (n == 0) {
                r = value;
                carry = (int) in;
            } else if (left) {
                r = shiftLeft(value, n) | in << (n - 1) | shiftRight(value, bits + 1 - n);
                carry = (int) (value >>> (bits - n)) & 1;
            } else {
                r = shiftRight(value, n) | in << (bits - n) | shiftLeft(value, bits + 1 - n);
                carry = (int) (value >>> (n - 1)) & 1;
            }
        } else {
            int n = count % bits;
            int up = left ? n : bits - n;
            r = n == 0 ? value : value << up | value >>> (bits - up);
            carry = (int) (left ? r : r >>> (bits - 1)) & 1;
        }
        operand.write(cpu, r);
        int top = (int) (r >>> (bits - 1)) & 1;
        int overflow = left ? top ^ carry : top ^ (int) (r >>> (bits - 2)) & 1;
        Flags.setCarryAndOverflow(cpu, carry, overflow);
    }

    private static long shiftLeft(long value, int n) {
        return n >= 64 ? 0 : value << n;
    }

    private static long shiftRight(long value, int n) {
        return n >= 64 ? 0 : value >>> n;
    }

    private static final class ByConstant extends Op {
        private final int kind;
        private final Operand operand;
        private final int count;

        ByConstant(int kind, Operand operand, int count) {
            this.kind = kind;
            this.operand = operand;
            this.count = count;
        }

        @Override
        void exec(X86Cpu cpu) {
            if (count != 0) {
                shift(cpu, kind, operand, count);
            } else {
                operand.write(cpu, operand.readForUpdate(cpu));
            }
        }

        @Override
        boolean usesStack() {
            return operand.isStack();
        }
    }

    private static final class ByCount extends Op {
        private final int kind;
        private final Operand operand;

        ByCount(int kind, Operand operand) {
            this.kind = kind;
            this.operand = operand;
        }

        @Override
        void exec(X86Cpu cpu) {
            int count = (int) cpu.x[X86Cpu.RCX] & countMask(operand.bytes);
            if (count != 0) {
                shift(cpu, kind, operand, count);
            } else {
                operand.write(cpu, operand.readForUpdate(cpu));
            }
        }

        @Override
        boolean usesStack() {
            return operand.isStack();
        }
    }

    /** SHL by a constant that is not zero. */
    private static final class Left64 extends Op {
        private final int r;
        private final int count;

        Left64(int r, int count) {
            this.r = r;
            this.count = count;
        }

        @Override
        void exec(X86Cpu cpu) {
            long value = cpu.x[r];
            long result = value << count;
            cpu.x[r] = result;
            int carry = (int) (value >>> -count) & 1;
            Flags.of(cpu, result, carry, carry ^ (int) (result >>> 63), 0);
        }
    }

    /** SHR by a constant that is not zero. */
    private static final class Right64 extends Op {
        private final int r;
        private final int count;

        Right64(int r, int count) {
            this.r = r;
            this.count = count;
        }

        @Override
        void exec(X86Cpu cpu) {
            long value = cpu.x[r];
            long result = value >>> count;
            cpu.x[r] = result;
            Flags.of(cpu, result, (int) (value >>> count - 1) & 1, (int) (value >>> 63), 0);
        }
    }

    /** SAR by a constant that is not zero. */
    private static final class Arithmetic64 extends Op {
        private final int r;
        private final int count;

        Arithmetic64(int r, int count) {
            this.r = r;
            this.count = count;
        }

        @Override
        void exec(X86Cpu cpu) {
            long value = cpu.x[r];
            long result = value >> count;
            cpu.x[r] = result;
            Flags.of(cpu, result, (int) (value >> count - 1) & 1, 0, 0);
        }
    }

    /** SHL, SHR and SAR by a constant that is not zero. */
    private static final class Register32 extends Op {
        private final int kind;
        private final int r;
        private final int count;

        Register32(int kind, int r, int count) {
            this.kind = kind;
            this.r = r;
            this.count = count;
        }

        @Override
        void exec(X86Cpu cpu) {
            long value = kind == SAR ? (int) cpu.x[r] : cpu.x[r] & 0xffff_ffffL;
            long result =
                    switch (kind) {
                        case SHR -> value >>> count;
                        case SAR -> value >> count;
                        default -> value << count;
                    };
            cpu.x[r] = result & 0xffff_ffffL;
            flags(cpu, kind, value, count, 32, result);
        }
    }

    /** SHLD and SHRD. */
    private static final class DoubleShift extends Op {
        private final Operand destination;
        private final Operand source;
        private final boolean left;
        private final @Nullable Integer constant;

        DoubleShift(Operand destination, Operand source, boolean left, @Nullable Integer constant) {
            this.destination = destination;
            this.source = source;
            this.left = left;
            this.constant = constant;
        }

        @Override
        void exec(X86Cpu cpu) {
            int bytes = destination.bytes;
            int bits = 8 * bytes;
            long from = constant != null ? constant : cpu.x[X86Cpu.RCX];
            int count = (int) from & countMask(bytes);
            long a = destination.readForUpdate(cpu) & Operand.mask(bytes);
            if (count == 0) {
                destination.write(cpu, a);
                return;
            }
            long b = source.readUnsigned(cpu);
            long r = left ? left(a, b, count, bits) : left(b, a, bits - count, bits);
            destination.write(cpu, r);
            long result = Operand.signed(r, bytes);
            int carry = (int) (left ? a >>> (bits - count) : a >>> (count - 1)) & 1;
            int overflow = (int) ((a ^ r) >>> (bits - 1)) & 1;
            Flags.of(cpu, result, carry, overflow, 0);
        }

        /** The upper half of {@code high:low << count}. Of 16 bits, more than 16 is undefined. */
        private static long left(long high, long low, int count, int bits) {
            if (count < 0 || count > bits) {
                return high;
            }
            return count == 0 ? high : shiftLeft(high, count) | low >>> (bits - count);
        }

        @Override
        boolean usesStack() {
            return destination.isStack();
        }
    }
}
