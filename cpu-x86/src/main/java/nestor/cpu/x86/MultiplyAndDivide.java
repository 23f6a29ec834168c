package nestor.cpu.x86;

/** MUL, IMUL, DIV and IDIV. */
final class MultiplyAndDivide {
    private MultiplyAndDivide() {}

    /** F6 and F7, /4 to /7. */
    static Op group3(Instruction in, int bytes) {
        Operand operand = in.rmOperand(bytes);
        return switch (in.extension()) {
            case 4 -> new Multiply(operand, false);
            case 5 -> new Multiply(operand, true);
            case 6 -> new Divide(operand, false);
            default -> new Divide(operand, true);
        };
    }

    /** 0F AF. */
    static Op twoOperands(Instruction in) throws Instruction.Truncated {
        in.modRm();
        if (in.isRegister() && in.operandBytes >= 4) {
            return new MultiplyRegisters(in.operandBytes, in.reg(), in.reg(), in.rm(), 0);
        }
        Operand destination = in.regOperand(in.operandBytes);
        return new MultiplyTruncated(destination, destination, in.rmOperand(in.operandBytes));
    }

    /** 69 and 6B. */
    static Op threeOperands(Instruction in) throws Instruction.Truncated {
        in.modRm();
        int bytes = in.operandBytes;
        long value = in.opcode == 0x69 ? in.immediate(bytes) : in.signed(1);
        if (in.isRegister() && bytes >= 4) {
            return new MultiplyRegisters(bytes, in.reg(), in.rm(), X86Cpu.ZERO, value);
        }
        return new MultiplyTruncated(
                in.regOperand(bytes), in.rmOperand(bytes), new Operand.Immediate(value, bytes));
    }

    /** CF and OF; the others are undefined, and come of the result's low half. */
    private static void flags(X86Cpu cpu, long low, boolean overflow) {
        int bit = overflow ? 1 : 0;
        Flags.of(cpu, low, bit, bit, 0);
    }

    private static final class Multiply extends Op {
        private final Operand operand;
        private final boolean signed;

        Multiply(Operand operand, boolean signed) {
            this.operand = operand;
            this.signed = signed;
        }

        @Override
        void exec(X86Cpu cpu) {
            int bytes = operand.bytes;
            if (bytes == 8) {
                multiply64(cpu, operand.read(cpu));
                return;
            }
            int bits = 8 * bytes;
            long b = signed ? operand.read(cpu) : operand.readUnsigned(cpu);
            long rax = cpu.x[X86Cpu.RAX];
            long a = signed ? Operand.signed(rax, bytes) : rax & Operand.mask(bytes);
            long product = a * b;
            long low = Operand.signed(product, bytes);
            if (bytes == 4) {
                cpu.x[X86Cpu.RAX] = product & 0xffff_ffffL;
                cpu.x[X86Cpu.RDX] = product >>> 32;
            } else if (bytes == 2) {
                cpu.x[X86Cpu.RAX] = rax & ~0xffffL | product & 0xffff;
                cpu.x[X86Cpu.RDX] = cpu.x[X86Cpu.RDX] & ~0xffffL | product >>> 16 & 0xffff;
            } else {
                cpu.x[X86Cpu.RAX] = rax & ~0xffffL | product & 0xffff;
            }
            flags(cpu, low, signed ? product != low : product >>> bits != 0);
        }

        private void multiply64(X86Cpu cpu, long b) {
            long a = cpu.x[X86Cpu.RAX];
            long low = a * b;
            long high = signed ? Math.multiplyHigh(a, b) : Math.unsignedMultiplyHigh(a, b);
            cpu.x[X86Cpu.RAX] = low;
            cpu.x[X86Cpu.RDX] = high;
            flags(cpu, low, signed ? high != low >> 63 : high != 0);
        }

        @Override
        boolean usesStack() {
            return operand.isStack();
        }
    }

    /** IMUL that keeps as much as its operands have. */
    private static final class MultiplyTruncated extends Op {
        private final Operand destination;
        private final Operand first;
        private final Operand second;

        MultiplyTruncated(Operand destination, Operand first, Operand second) {
            this.destination = destination;
            this.first = first;
            this.second = second;
        }

        @Override
        void exec(X86Cpu cpu) {
            long a = first.read(cpu);
            long b = second.read(cpu);
            long low = Operand.signed(a * b, destination.bytes);
            boolean overflow =
                    destination.bytes == 8 ? Math.multiplyHigh(a, b) != low >> 63 : a * b != low;
            destination.write(cpu, low);
            flags(cpu, low, overflow);
        }

        @Override
        boolean usesStack() {
            return first.isStack() || second.isStack();
        }
    }

    /** IMUL of whole registers, or of one and an immediate. */
    private static final class MultiplyRegisters extends Op {
        private final boolean wide;
        private final int d;
        private final int n;
        private final int m;
        private final long immediate;

        MultiplyRegisters(int bytes, int d, int n, int m, long immediate) {
            wide = bytes == 8;
            this.d = d;
            this.n = n;
            this.m = m;
            this.immediate = immediate;
        }

        @Override
        void exec(X86Cpu cpu) {
            long[] x = cpu.x;
            long a = x[n];
            long b = x[m] + immediate;
            if (wide) {
                long low = a * b;
                x[d] = low;
                flags(cpu, low, Math.multiplyHigh(a, b) != low >> 63);
            } else {
                long product = (long) (int) a * (int) b;
                long low = Operand.signed(product, 4);
                x[d] = product & 0xffff_ffffL;
                flags(cpu, low, product != low);
            }
        }
    }

    /** Flags are undefined, and stay. */
    private static final class Divide extends Op {
        private final Operand operand;
        private final boolean signed;

        Divide(Operand operand, boolean signed) {
            this.operand = operand;
            this.signed = signed;
        }

        @Override
        void exec(X86Cpu cpu) {
            int bytes = operand.bytes;
            long divisor = signed ? operand.read(cpu) : operand.readUnsigned(cpu);
            if (divisor == 0) {
                throw cpu.raise(Vector.DE);
            }
            long rax = cpu.x[X86Cpu.RAX];
            long rdx = cpu.x[X86Cpu.RDX];
            switch (bytes) {
                case 8 -> divide128(cpu, rdx, rax, divisor);
                case 4 -> {
                    long dividend = rdx << 32 | rax & 0xffff_ffffL;
                    long quotient = divide(cpu, dividend, divisor, 4);
                    cpu.x[X86Cpu.RDX] = dividend - quotient * divisor & 0xffff_ffffL;
                    cpu.x[X86Cpu.RAX] = quotient & 0xffff_ffffL;
                }
                case 2 -> {
                    long both = (rdx & 0xffff) << 16 | rax & 0xffff;
                    long dividend = signed ? (int) both : both;
                    long quotient = divide(cpu, dividend, divisor, 2);
                    cpu.x[X86Cpu.RDX] = rdx & ~0xffffL | dividend - quotient * divisor & 0xffff;
                    cpu.x[X86Cpu.RAX] = rax & ~0xffffL | quotient & 0xffff;
                }
                default -> {
                    long dividend = signed ? (short) rax : rax & 0xffff;
                    long quotient = divide(cpu, dividend, divisor, 1);
                    long remainder = dividend - quotient * divisor;
                    cpu.x[X86Cpu.RAX] = rax & ~0xffffL | (remainder & 0xff) << 8 | quotient & 0xff;
                }
            }
        }

        /** The quotient, or #DE if it does not fit. */
        private long divide(X86Cpu cpu, long dividend, long divisor, int bytes) {
            boolean wraps = signed && dividend == Long.MIN_VALUE && divisor == -1;
            long quotient = signed ? dividend / divisor : Long.divideUnsigned(dividend, divisor);
            long cut = signed ? Operand.signed(quotient, bytes) : quotient & Operand.mask(bytes);
            if (wraps || cut != quotient) {
                throw cpu.raise(Vector.DE);
            }
            return quotient;
        }

        private void divide128(X86Cpu cpu, long high, long low, long divisor) {
            boolean negative = signed && high < 0;
            long h = negative ? ~high + (low == 0 ? 1 : 0) : high;
            long l = negative ? -low : low;
            long d = signed && divisor < 0 ? -divisor : divisor;
            if (Long.compareUnsigned(h, d) >= 0) {
                throw cpu.raise(Vector.DE);
            }
            long remainder = h;
            long quotient = 0;
            if (h == 0) {
                quotient = Long.divideUnsigned(l, d);
                remainder = Long.remainderUnsigned(l, d);
            } else {
                for (int bit = 63; bit >= 0; bit--) {
                    boolean carry = remainder < 0;
                    remainder = remainder << 1 | l >>> bit & 1;
                    if (carry || Long.compareUnsigned(remainder, d) >= 0) {
                        remainder -= d;
                        quotient |= 1L << bit;
                    }
                }
            }
            if (signed) {
                boolean negate = negative != divisor < 0;
                if (negate ? Long.compareUnsigned(quotient, Long.MIN_VALUE) > 0 : quotient < 0) {
                    throw cpu.raise(Vector.DE);
                }
                quotient = negate ? -quotient : quotient;
                remainder = negative ? -remainder : remainder;
            }
            cpu.x[X86Cpu.RAX] = quotient;
            cpu.x[X86Cpu.RDX] = remainder;
        }

        @Override
        boolean usesStack() {
            return operand.isStack();
        }
    }
}
