package nestor.cpu.x86;

import org.jspecify.annotations.Nullable;

/**
 * The operations of {@link Alu} on 32-bit and 64-bit registers: the second operand is a register
 * plus an immediate, one of which is not there.
 */
final class AluRegister {
    private AluRegister() {}

    /**
     * Chooses the op.
     *
     * @param d destination and first operand
     * @param m second operand, {@link X86Cpu#ZERO} for an immediate
     */
    static Op of(int kind, int bytes, int d, int m, long immediate) {
        boolean wide = bytes == 8;
        return switch (kind) {
            case Alu.ADD -> wide ? new Add64(d, m, immediate) : new Add32(d, m, immediate);
            case Alu.ADC ->
                    wide
                            ? new AddWithCarry64(d, m, immediate)
                            : new WithCarry(kind, bytes, d, m, immediate);
            case Alu.OR -> wide ? new Or64(d, m, immediate) : new Or32(d, m, immediate);
            case Alu.AND -> wide ? new And64(d, m, immediate) : new And32(d, m, immediate);
            case Alu.SUB ->
                    wide ? new Subtract64(d, m, immediate) : new Subtract32(d, m, immediate);
            case Alu.XOR ->
                    wide ? new ExclusiveOr64(d, m, immediate) : new ExclusiveOr32(d, m, immediate);
            case Alu.CMP -> wide ? new Compare64(d, m, immediate) : new Compare32(d, m, immediate);
            case Alu.TEST -> wide ? new Test64(d, m, immediate) : new Test32(d, m, immediate);
            default -> new WithCarry(kind, bytes, d, m, immediate);
        };
    }

    /** Registers {@code d} and {@code m}. */
    abstract static class Registers extends Op {
        final int d;
        final int m;
        final long immediate;

        Registers(int d, int m, long immediate) {
            this.d = d;
            this.m = m;
            this.immediate = immediate;
        }
    }

    /** ADC and SBB. */
    private static final class WithCarry extends Registers {
        private final int kind;
        private final int bytes;

        WithCarry(int kind, int bytes, int d, int m, long immediate) {
            super(d, m, immediate);
            this.kind = kind;
            this.bytes = bytes;
        }

        @Override
        void exec(X86Cpu cpu) {
            long a = Operand.signed(cpu.x[d], bytes);
            long b = Operand.signed(cpu.x[m] + immediate, bytes);
            long r = Operand.signed(Alu.result(cpu, kind, a, b), bytes);
            cpu.x[d] = r & Operand.mask(bytes);
            Alu.flags(cpu, kind, a, b, r);
        }
    }

    /** ADC of 8 bytes. */
    private static final class AddWithCarry64 extends Registers {
        AddWithCarry64(int d, int m, long immediate) {
            super(d, m, immediate);
        }

        @Override
        void exec(X86Cpu cpu) {
            long a = cpu.x[d];
            long b = cpu.x[m] + immediate;
            long r = a + b + Flags.carry(cpu);
            cpu.x[d] = r;
            Flags.ofAdd(cpu, a, b, r);
        }
    }

    private static final class Add64 extends Registers {
        Add64(int d, int m, long immediate) {
            super(d, m, immediate);
        }

        @Override
        @Nullable Op fusedWith(Op next) {
            return next instanceof Branches.TwoWay jump
                    ? FusedBranches.arithmetic(Alu.ADD, 8, this, jump)
                    : null;
        }

        @Override
        void exec(X86Cpu cpu) {
            long a = cpu.x[d];
            long b = cpu.x[m] + immediate;
            long r = a + b;
            cpu.x[d] = r;
            Flags.ofAdd(cpu, a, b, r);
        }
    }

    private static final class Add32 extends Registers {
        Add32(int d, int m, long immediate) {
            super(d, m, immediate);
        }

        @Override
        @Nullable Op fusedWith(Op next) {
            return next instanceof Branches.TwoWay jump
                    ? FusedBranches.arithmetic(Alu.ADD, 4, this, jump)
                    : null;
        }

        @Override
        void exec(X86Cpu cpu) {
            long a = (int) cpu.x[d];
            long b = (int) (cpu.x[m] + immediate);
            long r = (int) (a + b);
            cpu.x[d] = r & 0xffff_ffffL;
            Flags.ofAdd(cpu, a, b, r);
        }
    }

    private static final class Or64 extends Registers {
        Or64(int d, int m, long immediate) {
            super(d, m, immediate);
        }

        @Override
        void exec(X86Cpu cpu) {
            long a = cpu.x[d];
            long b = cpu.x[m] + immediate;
            long r = a | b;
            cpu.x[d] = r;
            Flags.ofLogical(cpu, r);
        }
    }

    private static final class Or32 extends Registers {
        Or32(int d, int m, long immediate) {
            super(d, m, immediate);
        }

        @Override
        void exec(X86Cpu cpu) {
            long a = (int) cpu.x[d];
            long b = (int) (cpu.x[m] + immediate);
            long r = (int) (a | b);
            cpu.x[d] = r & 0xffff_ffffL;
            Flags.ofLogical(cpu, r);
        }
    }

    private static final class And64 extends Registers {
        And64(int d, int m, long immediate) {
            super(d, m, immediate);
        }

        @Override
        @Nullable Op fusedWith(Op next) {
            return next instanceof Branches.TwoWay jump
                    ? FusedBranches.arithmetic(Alu.AND, 8, this, jump)
                    : null;
        }

        @Override
        void exec(X86Cpu cpu) {
            long a = cpu.x[d];
            long b = cpu.x[m] + immediate;
            long r = a & b;
            cpu.x[d] = r;
            Flags.ofLogical(cpu, r);
        }
    }

    private static final class And32 extends Registers {
        And32(int d, int m, long immediate) {
            super(d, m, immediate);
        }

        @Override
        @Nullable Op fusedWith(Op next) {
            return next instanceof Branches.TwoWay jump
                    ? FusedBranches.arithmetic(Alu.AND, 4, this, jump)
                    : null;
        }

        @Override
        void exec(X86Cpu cpu) {
            long a = (int) cpu.x[d];
            long b = (int) (cpu.x[m] + immediate);
            long r = (int) (a & b);
            cpu.x[d] = r & 0xffff_ffffL;
            Flags.ofLogical(cpu, r);
        }
    }

    private static final class Subtract64 extends Registers {
        Subtract64(int d, int m, long immediate) {
            super(d, m, immediate);
        }

        @Override
        @Nullable Op fusedWith(Op next) {
            return next instanceof Branches.TwoWay jump
                    ? FusedBranches.arithmetic(Alu.SUB, 8, this, jump)
                    : null;
        }

        @Override
        void exec(X86Cpu cpu) {
            long a = cpu.x[d];
            long b = cpu.x[m] + immediate;
            long r = a - b;
            cpu.x[d] = r;
            Flags.ofSubtract(cpu, a, b, r);
        }
    }

    private static final class Subtract32 extends Registers {
        Subtract32(int d, int m, long immediate) {
            super(d, m, immediate);
        }

        @Override
        @Nullable Op fusedWith(Op next) {
            return next instanceof Branches.TwoWay jump
                    ? FusedBranches.arithmetic(Alu.SUB, 4, this, jump)
                    : null;
        }

        @Override
        void exec(X86Cpu cpu) {
            long a = (int) cpu.x[d];
            long b = (int) (cpu.x[m] + immediate);
            long r = (int) (a - b);
            cpu.x[d] = r & 0xffff_ffffL;
            Flags.ofSubtract(cpu, a, b, r);
        }
    }

    private static final class ExclusiveOr64 extends Registers {
        ExclusiveOr64(int d, int m, long immediate) {
            super(d, m, immediate);
        }

        @Override
        void exec(X86Cpu cpu) {
            long a = cpu.x[d];
            long b = cpu.x[m] + immediate;
            long r = a ^ b;
            cpu.x[d] = r;
            Flags.ofLogical(cpu, r);
        }
    }

    private static final class ExclusiveOr32 extends Registers {
        ExclusiveOr32(int d, int m, long immediate) {
            super(d, m, immediate);
        }

        @Override
        void exec(X86Cpu cpu) {
            long a = (int) cpu.x[d];
            long b = (int) (cpu.x[m] + immediate);
            long r = (int) (a ^ b);
            cpu.x[d] = r & 0xffff_ffffL;
            Flags.ofLogical(cpu, r);
        }
    }

    private static final class Compare64 extends Registers {
        Compare64(int d, int m, long immediate) {
            super(d, m, immediate);
        }

        @Override
        @Nullable Op fusedWith(Op next) {
            return next instanceof Branches.TwoWay jump
                    ? FusedBranches.compare(8, d, m, immediate, jump)
                    : null;
        }

        @Override
        void exec(X86Cpu cpu) {
            long a = cpu.x[d];
            long b = cpu.x[m] + immediate;
            long r = a - b;
            Flags.ofSubtract(cpu, a, b, r);
        }
    }

    private static final class Compare32 extends Registers {
        Compare32(int d, int m, long immediate) {
            super(d, m, immediate);
        }

        @Override
        @Nullable Op fusedWith(Op next) {
            return next instanceof Branches.TwoWay jump
                    ? FusedBranches.compare(4, d, m, immediate, jump)
                    : null;
        }

        @Override
        void exec(X86Cpu cpu) {
            long a = (int) cpu.x[d];
            long b = (int) (cpu.x[m] + immediate);
            long r = (int) (a - b);
            Flags.ofSubtract(cpu, a, b, r);
        }
    }

    private static final class Test64 extends Registers {
        Test64(int d, int m, long immediate) {
            super(d, m, immediate);
        }

        @Override
        @Nullable Op fusedWith(Op next) {
            return next instanceof Branches.TwoWay jump
                    ? FusedBranches.test(8, d, m, immediate, jump)
                    : null;
        }

        @Override
        void exec(X86Cpu cpu) {
            long a = cpu.x[d];
            long b = cpu.x[m] + immediate;
            long r = a & b;
            Flags.ofLogical(cpu, r);
        }
    }

    private static final class Test32 extends Registers {
        Test32(int d, int m, long immediate) {
            super(d, m, immediate);
        }

        @Override
        @Nullable Op fusedWith(Op next) {
            return next instanceof Branches.TwoWay jump
                    ? FusedBranches.test(4, d, m, immediate, jump)
                    : null;
        }

        @Override
        void exec(X86Cpu cpu) {
            long a = (int) cpu.x[d];
            long b = (int) (cpu.x[m] + immediate);
            long r = (int) (a & b);
            Flags.ofLogical(cpu, r);
        }
    }
}
