package nestor.cpu.x86;

import org.jspecify.annotations.Nullable;

/**
 * ADD, OR, ADC, SBB, AND, SUB, XOR, CMP and TEST in every form; the frequent ones are {@link
 * AluRegister}'s.
 */
final class Alu {
    static final int ADD = 0;
    static final int OR = 1;
    static final int ADC = 2;
    static final int SBB = 3;
    static final int AND = 4;
    static final int SUB = 5;
    static final int XOR = 6;
    static final int CMP = 7;

    /** As AND, without a destination. */
    static final int TEST = 8;

    private Alu() {}

    /** Opcodes 00-3F without those that are segment pushes and prefixes. */
    static Op oneByte(Instruction in) throws Instruction.Truncated {
        int kind = in.opcode >>> 3 & 7;
        int form = in.opcode & 7;
        int bytes = (form & 1) == 0 ? 1 : in.operandBytes;
        if (form >= 4) {
            return accumulator(in, kind, bytes);
        }
        in.modRm();
        boolean toRegister = form >= 2;
        return registers(in, kind, bytes, toRegister);
    }

    private static Op registers(Instruction in, int kind, int bytes, boolean toRegister) {
        if (in.isRegister() && bytes >= 4) {
            int destination = toRegister ? in.reg() : in.rm();
            int source = toRegister ? in.rm() : in.reg();
            return AluRegister.of(kind, bytes, destination, source, 0);
        }
        if (toRegister) {
            return bytes >= 4
                    ? new FromMemory(kind, bytes, in.reg(), in.memory())
                    : new General(kind, in.regOperand(bytes), in.rmOperand(bytes));
        }
        return general(in, kind, in.rmOperand(bytes), in.regOperand(bytes));
    }

    /** With AL or eAX and an immediate. */
    private static Op accumulator(Instruction in, int kind, int bytes)
            throws Instruction.Truncated {
        long value = in.immediate(bytes);
        return bytes >= 4
                ? AluRegister.of(kind, bytes, X86Cpu.RAX, X86Cpu.ZERO, value)
                : new General(
                        kind,
                        Operand.register(X86Cpu.RAX, bytes, true),
                        new Operand.Immediate(value, bytes));
    }

    /** Group 1: opcodes 80, 81 and 83. */
    static Op group1(Instruction in) throws Instruction.Truncated {
        in.modRm();
        int bytes = in.opcode == 0x80 ? 1 : in.operandBytes;
        long value = in.opcode == 0x81 ? in.immediate(bytes) : in.signed(1);
        return immediate(in, in.extension(), bytes, value);
    }

    /** TEST: opcodes 84, 85, A8, A9, F6 /0 and F7 /0. */
    static Op test(Instruction in) throws Instruction.Truncated {
        int bytes = (in.opcode & 1) == 0 ? 1 : in.operandBytes;
        return switch (in.opcode) {
            case 0x84, 0x85 -> {
                in.modRm();
                yield registers(in, TEST, bytes, false);
            }
            case 0xa8, 0xa9 -> accumulator(in, TEST, bytes);
            default -> immediate(in, TEST, bytes, in.immediate(bytes));
        };
    }

    private static Op immediate(Instruction in, int kind, int bytes, long value) {
        if (in.isRegister() && bytes >= 4) {
            return AluRegister.of(kind, bytes, in.rm(), X86Cpu.ZERO, value);
        }
        return general(in, kind, in.rmOperand(bytes), new Operand.Immediate(value, bytes));
    }

    private static Op general(Instruction in, int kind, Operand destination, Operand source) {
        if (kind < CMP && in.takeLock()) {
            return new Locked(kind, in.memory(), source);
        }
        return new General(kind, destination, source);
    }

    /** The result, not yet cut to size. */
    static long result(X86Cpu cpu, int kind, long a, long b) {
        return switch (kind) {
            case ADD -> a + b;
            case OR -> a | b;
            case ADC -> a + b + Flags.carry(cpu);
            case SBB -> a - b - Flags.carry(cpu);
            case AND, TEST -> a & b;
            case XOR -> a ^ b;
            default -> a - b;
        };
    }

    /** Sets the flags; everything sign-extended. */
    static void flags(X86Cpu cpu, int kind, long a, long b, long r) {
        switch (kind) {
            case ADD, ADC -> Flags.ofAdd(cpu, a, b, r);
            case SBB, SUB, CMP -> Flags.ofSubtract(cpu, a, b, r);
            default -> Flags.ofLogical(cpu, r);
        }
    }

    /** Any operands. */
    private static final class General extends Op {
        private final int kind;
        private final Operand destination;
        private final Operand source;

        General(int kind, Operand destination, Operand source) {
            this.kind = kind;
            this.destination = destination;
            this.source = source;
        }

        @Override
        void exec(X86Cpu cpu) {
            long b = source.read(cpu);
            boolean writes = kind < CMP;
            long a = writes ? destination.readForUpdate(cpu) : destination.read(cpu);
            long r = Operand.signed(result(cpu, kind, a, b), destination.bytes);
            if (writes) {
                destination.write(cpu, r);
            }
            flags(cpu, kind, a, b, r);
        }

        @Override
        @Nullable Op fusedWith(Op next) {
            if (kind < CMP || !(next instanceof Branches.TwoWay jump)) {
                return null;
            }
            boolean constant = source instanceof Operand.Immediate;
            int m = constant ? X86Cpu.ZERO : source.lowRegister();
            long immediate = source instanceof Operand.Immediate i ? i.value : 0;
            int d = destination.lowRegister();
            int bytes = destination.bytes;
            if (m < 0) {
                return null;
            }
            if (destination instanceof Operand.Memory memory) {
                return FusedBranches.memory(
                        kind == TEST, bytes, memory.address, m, immediate, jump);
            }
            if (d < 0) {
                return null;
            }
            return kind == TEST
                    ? FusedBranches.test(bytes, d, m, immediate, jump)
                    : FusedBranches.compare(bytes, d, m, immediate, jump);
        }

        @Override
        boolean usesStack() {
            return destination.isStack() || source.isStack();
        }
    }

    /** A register and 4 or 8 bytes of memory. */
    private static final class FromMemory extends Op {
        private final int kind;
        private final int bytes;
        private final int d;
        private final Address address;

        FromMemory(int kind, int bytes, int d, Address address) {
            this.kind = kind;
            this.bytes = bytes;
            this.d = d;
            this.address = address;
        }

        @Override
        void exec(X86Cpu cpu) {
            if (bytes == 8) {
                long b = cpu.load64(address.of(cpu));
                long a = cpu.x[d];
                long r = result(cpu, kind, a, b);
                if (kind < CMP) {
                    cpu.x[d] = r;
                }
                flags(cpu, kind, a, b, r);
            } else {
                long b = (int) cpu.load32(address.of(cpu));
                long a = (int) cpu.x[d];
                long r = (int) result(cpu, kind, a, b);
                if (kind < CMP) {
                    cpu.x[d] = r & 0xffff_ffffL;
                }
                flags(cpu, kind, a, b, r);
            }
        }

        @Override
        boolean usesStack() {
            return address.stack;
        }
    }

    /** LOCK: atomic on memory. */
    private static final class Locked extends Op {
        private final int kind;
        private final Address address;
        private final Operand source;

        Locked(int kind, Address address, Operand source) {
            this.kind = kind;
            this.address = address;
            this.source = source;
        }

        @Override
        void exec(X86Cpu cpu) {
            int bytes = source.bytes;
            long va = address.of(cpu);
            long b = source.read(cpu);
            long seen = cpu.loadForUpdate(va, bytes);
            long a;
            long r;
            long expected;
            do {
                expected = seen;
                a = Operand.signed(seen, bytes);
                r = Operand.signed(result(cpu, kind, a, b), bytes);
                seen = cpu.compareAndExchange(va, bytes, expected, r);
            } while (seen != expected);
            flags(cpu, kind, a, b, r);
        }

        @Override
        boolean usesStack() {
            return address.stack;
        }
    }
}
