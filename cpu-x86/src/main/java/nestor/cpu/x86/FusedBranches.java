package nestor.cpu.x86;

import org.jspecify.annotations.Nullable;

/**
 * CMP, TEST, ADD, SUB or AND and the Jcc behind it as one op: one dispatch instead of two, and a
 * condition that comes of the operands. The flags are set all the same, as whoever is branched to
 * may look. Only the first of the two instructions can fault.
 */
final class FusedBranches {
    private static final int RIP = X86Cpu.RIP;

    /** Conditions as pairs (1 appendix B): the low bit, which inverts, is in the targets. */
    private static final int BELOW = 2 >> 1;

    private static final int EQUAL = 4 >> 1;
    private static final int BELOW_OR_EQUAL = 6 >> 1;
    private static final int SIGN = 8 >> 1;
    private static final int LESS = 12 >> 1;
    private static final int LESS_OR_EQUAL = 14 >> 1;

    private FusedBranches() {}

    /** Whether the operands of a comparison tell: not of overflow and parity. */
    private static boolean ofOperands(Branches.TwoWay jump) {
        return switch (jump.condition >> 1) {
            case BELOW, EQUAL, BELOW_OR_EQUAL, SIGN, LESS, LESS_OR_EQUAL -> true;
            default -> false;
        };
    }

    /** CMP of registers, or of a register and an immediate; null if it is not worth it. */
    static @Nullable Op compare(int bytes, int d, int m, long immediate, Branches.TwoWay jump) {
        if (!ofOperands(jump)) {
            return null;
        }
        return jump.condition >> 1 == EQUAL
                ? new CompareEqual(bytes, d, m, immediate, jump)
                : new CompareOrder(bytes, d, m, immediate, jump);
    }

    /** TEST, as {@link #compare}. */
    static @Nullable Op test(int bytes, int d, int m, long immediate, Branches.TwoWay jump) {
        if (!ofOperands(jump)) {
            return null;
        }
        return jump.condition >> 1 == EQUAL
                ? new TestZero(bytes, d, m, immediate, jump)
                : new TestOrder(bytes, d, m, immediate, jump);
    }

    /** CMP or TEST of memory with a register or an immediate, as {@link #compare}. */
    static @Nullable Op memory(
            boolean test, int bytes, Address address, int m, long immediate, Branches.TwoWay jump) {
        if (!ofOperands(jump)) {
            return null;
        }
        return test
                ? new TestMemory(bytes, address, m, immediate, jump)
                : new CompareMemory(bytes, address, m, immediate, jump);
    }

    /** ADD, SUB or AND, as {@link #compare}; only for whether the result is zero or negative. */
    static @Nullable Op arithmetic(
            int kind, int bytes, AluRegister.Registers op, Branches.TwoWay jump) {
        int pair = jump.condition >> 1;
        return pair == EQUAL || pair == SIGN
                ? new Arithmetic(kind, bytes, op.d, op.m, op.immediate, jump)
                : null;
    }

    /** Whether a condition holds after {@code a - b}, both sign-extended. */
    private static boolean holds(int pair, long a, long b) {
        return switch (pair) {
            case EQUAL -> a == b;
            case BELOW -> Long.compareUnsigned(a, b) < 0;
            case BELOW_OR_EQUAL -> Long.compareUnsigned(a, b) <= 0;
            case SIGN -> a - b < 0;
            case LESS -> a < b;
            default -> a <= b;
        };
    }

    /** Whether a condition holds after AND gave {@code r}, sign-extended. */
    private static boolean holds(int pair, long r) {
        return switch (pair) {
            case EQUAL, BELOW_OR_EQUAL -> r == 0;
            case BELOW -> false;
            case LESS_OR_EQUAL -> r <= 0;
            default -> r < 0;
        };
    }

    /** With a register or immediate as second operand; {@code shift} cuts to size. */
    private abstract static class Fused extends Op.Transfer {
        final int shift;
        final int m;
        final long immediate;
        final int pair;
        final long whenSet;
        final long whenClear;

        Fused(int bytes, int m, long immediate, Branches.TwoWay jump) {
            shift = 64 - 8 * bytes;
            this.m = m;
            this.immediate = immediate;
            pair = jump.condition >> 1;
            whenSet = jump.whenSet;
            whenClear = jump.whenClear;
        }

        @Override
        final int instructions() {
            return 2;
        }
    }

    private static final class CompareEqual extends Fused {
        private final int d;

        CompareEqual(int bytes, int d, int m, long immediate, Branches.TwoWay jump) {
            super(bytes, m, immediate, jump);
            this.d = d;
        }

        @Override
        void exec(X86Cpu cpu) {
            long[] x = cpu.x;
            long a = x[d] << shift >> shift;
            long b = x[m] + immediate << shift >> shift;
            Flags.ofSubtract(cpu, a, b, a - b << shift >> shift);
            x[RIP] += a == b ? whenSet : whenClear;
        }
    }

    private static final class CompareOrder extends Fused {
        private final int d;

        CompareOrder(int bytes, int d, int m, long immediate, Branches.TwoWay jump) {
            super(bytes, m, immediate, jump);
            this.d = d;
        }

        @Override
        void exec(X86Cpu cpu) {
            long[] x = cpu.x;
            long a = x[d] << shift >> shift;
            long b = x[m] + immediate << shift >> shift;
            long r = a - b << shift >> shift;
            Flags.ofSubtract(cpu, a, b, r);
            boolean holds = pair == SIGN ? r < 0 : FusedBranches.holds(pair, a, b);
            x[RIP] += holds ? whenSet : whenClear;
        }
    }

    private static final class TestZero extends Fused {
        private final int d;

        TestZero(int bytes, int d, int m, long immediate, Branches.TwoWay jump) {
            super(bytes, m, immediate, jump);
            this.d = d;
        }

        @Override
        void exec(X86Cpu cpu) {
            long[] x = cpu.x;
            long r = (x[d] & x[m] + immediate) << shift >> shift;
            Flags.ofLogical(cpu, r);
            x[RIP] += r == 0 ? whenSet : whenClear;
        }
    }

    private static final class TestOrder extends Fused {
        private final int d;

        TestOrder(int bytes, int d, int m, long immediate, Branches.TwoWay jump) {
            super(bytes, m, immediate, jump);
            this.d = d;
        }

        @Override
        void exec(X86Cpu cpu) {
            long[] x = cpu.x;
            long r = (x[d] & x[m] + immediate) << shift >> shift;
            Flags.ofLogical(cpu, r);
            x[RIP] += FusedBranches.holds(pair, r) ? whenSet : whenClear;
        }
    }

    private static final class Arithmetic extends Fused {
        private final int kind;
        private final int d;
        private final long mask;

        Arithmetic(int kind, int bytes, int d, int m, long immediate, Branches.TwoWay jump) {
            super(bytes, m, immediate, jump);
            this.kind = kind;
            this.d = d;
            mask = Operand.mask(bytes);
        }

        @Override
        void exec(X86Cpu cpu) {
            long[] x = cpu.x;
            long a = x[d] << shift >> shift;
            long b = x[m] + immediate << shift >> shift;
            long r;
            if (kind == Alu.ADD) {
                r = a + b << shift >> shift;
                Flags.ofAdd(cpu, a, b, r);
            } else if (kind == Alu.SUB) {
                r = a - b << shift >> shift;
                Flags.ofSubtract(cpu, a, b, r);
            } else {
                r = a & b;
                Flags.ofLogical(cpu, r);
            }
            x[d] = r & mask;
            x[RIP] += (pair == EQUAL ? r == 0 : r < 0) ? whenSet : whenClear;
        }
    }

    private static final class CompareMemory extends Fused {
        private final int bytes;
        private final Address address;

        CompareMemory(int bytes, Address address, int m, long immediate, Branches.TwoWay jump) {
            super(bytes, m, immediate, jump);
            this.bytes = bytes;
            this.address = address;
        }

        @Override
        void exec(X86Cpu cpu) {
            long a = cpu.load(address.of(cpu), bytes) << shift >> shift;
            long b = cpu.x[m] + immediate << shift >> shift;
            long r = a - b << shift >> shift;
            Flags.ofSubtract(cpu, a, b, r);
            boolean holds = pair == SIGN ? r < 0 : FusedBranches.holds(pair, a, b);
            cpu.x[RIP] += holds ? whenSet : whenClear;
        }

        @Override
        boolean usesStack() {
            return address.stack;
        }
    }

    private static final class TestMemory extends Fused {
        private final int bytes;
        private final Address address;

        TestMemory(int bytes, Address address, int m, long immediate, Branches.TwoWay jump) {
            super(bytes, m, immediate, jump);
            this.bytes = bytes;
            this.address = address;
        }

        @Override
        void exec(X86Cpu cpu) {
            long value = cpu.load(address.of(cpu), bytes);
            long r = (value & cpu.x[m] + immediate) << shift >> shift;
            Flags.ofLogical(cpu, r);
            cpu.x[RIP] += FusedBranches.holds(pair, r) ? whenSet : whenClear;
        }

        @Override
        boolean usesStack() {
            return address.stack;
        }
    }
}
