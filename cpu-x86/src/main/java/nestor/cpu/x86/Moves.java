package nestor.cpu.x86;

import org.jspecify.annotations.Nullable;

/** MOV, MOVZX, MOVSX, MOVSXD, LEA, CBW and CWD families, BSWAP, MOVBE, XLAT. */
final class Moves {
    private static final long WORD = 0xffff_ffffL;

    private Moves() {}

    /** 88-8B. */
    static Op mov(Instruction in) throws Instruction.Truncated {
        in.modRm();
        int bytes = (in.opcode & 1) == 0 ? 1 : in.operandBytes;
        boolean load = (in.opcode & 2) != 0;
        if (bytes < 4) {
            return load
                    ? new General(in.regOperand(bytes), in.rmOperand(bytes))
                    : new General(in.rmOperand(bytes), in.regOperand(bytes));
        }
        boolean wide = bytes == 8;
        if (in.isRegister()) {
            int d = load ? in.reg() : in.rm();
            int n = load ? in.rm() : in.reg();
            return wide ? new Register64(d, n) : new Masked(d, n, WORD);
        }
        return load ? MemoryMoves.load(in) : MemoryMoves.store(in);
    }

    /** B0-BF. */
    static Op immediateToRegister(Instruction in) throws Instruction.Truncated {
        if ((in.opcode & 8) == 0) {
            Operand destination = Operand.register(in.opcodeRegister(), 1, in.hasRex);
            return new General(destination, new Operand.Immediate(in.signed(1), 1));
        }
        int bytes = in.operandBytes;
        long value = in.signed(bytes);
        return bytes == 2
                ? new General(
                        Operand.register(in.opcodeRegister(), 2, in.hasRex),
                        new Operand.Immediate(value, 2))
                : new Constant(in.opcodeRegister(), value & Operand.mask(bytes));
    }

    /** C6 /0 and C7 /0. */
    static Op immediate(Instruction in) throws Instruction.Truncated {
        in.modRm();
        if (in.extension() != 0) {
            return Undefined.OP;
        }
        int bytes = (in.opcode & 1) == 0 ? 1 : in.operandBytes;
        long value = in.immediate(bytes);
        return in.isRegister() && bytes >= 4
                ? new Constant(in.rm(), value & Operand.mask(bytes))
                : new General(in.rmOperand(bytes), new Operand.Immediate(value, bytes));
    }

    /** A0-A3: an offset as wide as an address. */
    static Op offset(Instruction in) throws Instruction.Truncated {
        int bytes = (in.opcode & 1) == 0 ? 1 : in.operandBytes;
        long offset = in.signed(Long.bitCount(in.addressMask) / 8);
        Address address =
                new Address(
                        X86Cpu.ZERO,
                        X86Cpu.ZERO,
                        0,
                        offset,
                        in.addressMask,
                        in.segmentBase(Segment.DS),
                        false);
        Operand memory = new Operand.Memory(address, bytes);
        Operand accumulator = Operand.register(X86Cpu.RAX, bytes, true);
        return (in.opcode & 2) == 0
                ? new General(accumulator, memory)
                : new General(memory, accumulator);
    }

    /** 0F B6, B7, BE and BF; 63 in 64-bit mode. */
    static Op extend(Instruction in, int sourceBytes, boolean signed) throws Instruction.Truncated {
        in.modRm();
        if (!in.isRegister() && in.operandBytes >= 4) {
            long mask = Operand.mask(in.operandBytes);
            return new MemoryMoves.LoadExtended(in.reg(), in.memory(), sourceBytes, signed, mask);
        }
        Operand source = in.rmOperand(sourceBytes);
        int n = source.lowRegister();
        if (n >= 0 && in.operandBytes >= 4) {
            long mask = Operand.mask(in.operandBytes);
            return signed
                    ? new SignExtended(in.reg(), n, sourceBytes, mask)
                    : new Masked(in.reg(), n, Operand.mask(sourceBytes));
        }
        return new Extend(in.regOperand(in.operandBytes), source, signed);
    }

    /** 8D. */
    static Op lea(Instruction in) throws Instruction.Truncated {
        in.modRm();
        if (in.isRegister()) {
            return Undefined.OP;
        }
        return in.operandBytes >= 4
                ? new Lea(in.reg(), in.memory(), Operand.mask(in.operandBytes))
                : new Lea16(in.regOperand(2), in.memory());
    }

    /** 98: CBW, CWDE, CDQE. */
    static Op convertAccumulator(Instruction in) {
        int bytes = in.operandBytes;
        return new Extend(
                Operand.register(X86Cpu.RAX, bytes, true),
                Operand.register(X86Cpu.RAX, bytes / 2, true),
                true);
    }

    /** 99: CWD, CDQ, CQO. */
    static Op signToData(Instruction in) {
        return new SignToData(in.operandBytes);
    }

    /** 0F C8-CF. */
    static Op byteSwap(Instruction in) {
        return new ByteSwap(in.opcodeRegister(), in.operandBytes);
    }

    /** 0F 38 F0 and F1. */
    static Op movbe(Instruction in) throws Instruction.Truncated {
        in.modRm();
        if (in.isRegister() || in.repeat != Instruction.NO_REPEAT) {
            return Undefined.OP;
        }
        Operand memory = in.rmOperand(in.operandBytes);
        Operand register = in.regOperand(in.operandBytes);
        return in.opcode == 0xf0 ? new Movbe(register, memory) : new Movbe(memory, register);
    }

    /** D7. */
    static Op translate(Instruction in) {
        return new Translate(in.addressMask, in.segmentBase(Segment.DS));
    }

    /** Any operands of one size. */
    private static final class General extends Op {
        private final Operand destination;
        private final Operand source;

        General(Operand destination, Operand source) {
            this.destination = destination;
            this.source = source;
        }

        @Override
        void exec(X86Cpu cpu) {
            destination.write(cpu, source.read(cpu));
        }

        @Override
        boolean usesStack() {
            return destination.isStack() || source.isStack();
        }
    }

    private static final class Register64 extends Op implements StackRuns.Step {
        private final int d;
        private final int n;

        Register64(int d, int n) {
            this.d = d;
            this.n = n;
        }

        @Override
        void exec(X86Cpu cpu) {
            cpu.x[d] = cpu.x[n];
        }

        @Override
        public int step() {
            return StackRuns.move(d, n, false);
        }

        @Override
        @Nullable Op fusedWith(Op next) {
            return StackRuns.begin(this, next);
        }
    }

    /** The low bits of a register. */
    private static final class Masked extends Op implements StackRuns.Step {
        private final int d;
        private final int n;
        private final long mask;

        Masked(int d, int n, long mask) {
            this.d = d;
            this.n = n;
            this.mask = mask;
        }

        @Override
        void exec(X86Cpu cpu) {
            cpu.x[d] = cpu.x[n] & mask;
        }

        @Override
        public int step() {
            return mask == WORD ? StackRuns.move(d, n, true) : StackRuns.NO_STEP;
        }

        @Override
        @Nullable Op fusedWith(Op next) {
            return StackRuns.begin(this, next);
        }
    }

    private static final class SignExtended extends Op {
        private final int d;
        private final int n;
        private final int shift;
        private final long mask;

        SignExtended(int d, int n, int bytes, long mask) {
            this.d = d;
            this.n = n;
            shift = 64 - 8 * bytes;
            this.mask = mask;
        }

        @Override
        void exec(X86Cpu cpu) {
            cpu.x[d] = cpu.x[n] << shift >> shift & mask;
        }
    }

    private static final class Constant extends Op {
        private final int d;
        private final long value;

        Constant(int d, long value) {
            this.d = d;
            this.value = value;
        }

        @Override
        void exec(X86Cpu cpu) {
            cpu.x[d] = value;
        }
    }

    private static final class Extend extends Op {
        private final Operand destination;
        private final Operand source;
        private final boolean signed;

        Extend(Operand destination, Operand source, boolean signed) {
            this.destination = destination;
            this.source = source;
            this.signed = signed;
        }

        @Override
        void exec(X86Cpu cpu) {
            destination.write(cpu, signed ? source.read(cpu) : source.readUnsigned(cpu));
        }

        @Override
        boolean usesStack() {
            return source.isStack();
        }
    }

    private static final class Lea extends Op {
        private final int d;
        private final Address address;
        private final long mask;

        Lea(int d, Address address, long mask) {
            this.d = d;
            this.address = address;
            this.mask = mask;
        }

        @Override
        void exec(X86Cpu cpu) {
            cpu.x[d] = address.effective(cpu) & mask;
        }
    }

    private static final class Lea16 extends Op {
        private final Operand destination;
        private final Address address;

        Lea16(Operand destination, Address address) {
            this.destination = destination;
            this.address = address;
        }

        @Override
        void exec(X86Cpu cpu) {
            destination.write(cpu, address.effective(cpu));
        }
    }

    private static final class SignToData extends Op {
        private final Operand accumulator;
        private final Operand data;

        SignToData(int bytes) {
            accumulator = Operand.register(X86Cpu.RAX, bytes, true);
            data = Operand.register(X86Cpu.RDX, bytes, true);
        }

        @Override
        void exec(X86Cpu cpu) {
            data.write(cpu, accumulator.read(cpu) >> 63);
        }
    }

    private static final class ByteSwap extends Op {
        private final int r;
        private final int bytes;

        ByteSwap(int r, int bytes) {
            this.r = r;
            this.bytes = bytes;
        }

        @Override
        void exec(X86Cpu cpu) {
            switch (bytes) {
                case 8 -> cpu.x[r] = Long.reverseBytes(cpu.x[r]);
                case 4 -> cpu.x[r] = Integer.reverseBytes((int) cpu.x[r]) & WORD;
                default -> cpu.x[r] &= ~0xffffL; // undefined; this is what processors do
            }
        }
    }

    private static final class Movbe extends Op {
        private final Operand destination;
        private final Operand source;

        Movbe(Operand destination, Operand source) {
            this.destination = destination;
            this.source = source;
        }

        @Override
        void exec(X86Cpu cpu) {
            int unused = 64 - 8 * source.bytes;
            destination.write(cpu, Long.reverseBytes(source.read(cpu)) >>> unused);
        }

        @Override
        boolean usesStack() {
            return destination.isStack() || source.isStack();
        }
    }

    private static final class Translate extends Op {
        private final long mask;
        private final int segment;

        Translate(long mask, int segment) {
            this.mask = mask;
            this.segment = segment;
        }

        @Override
        void exec(X86Cpu cpu) {
            long rax = cpu.x[X86Cpu.RAX];
            long offset = cpu.x[X86Cpu.RBX] + (rax & 0xff) & mask;
            cpu.x[X86Cpu.RAX] = rax & ~0xffL | cpu.load8(offset + cpu.x[segment]);
        }
    }
}
