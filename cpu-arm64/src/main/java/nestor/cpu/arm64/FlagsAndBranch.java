package nestor.cpu.arm64;

import static nestor.cpu.arm64.Encoding.WORD;

import nestor.cpu.arm64.BranchesAndSystem.BranchConditional;

/**
 * An instruction that sets the flags, fused with the B.cond behind it: nine of ten conditional
 * branches follow one of these, and the pair costs one dispatch.
 */
final class FlagsAndBranch {
    private FlagsAndBranch() {}

    /** The second half of the pair. */
    abstract static class Pair extends BranchesAndSystem.BlockEnd {
        private final int holding;
        private final long taken;
        private final long next;

        Pair(BranchConditional branch) {
            holding = branch.holding;
            taken = branch.taken;
            next = branch.next;
        }

        final void branch(Arm64Cpu cpu, int nzcv) {
            cpu.nzcv = nzcv;
            cpu.pc += (holding >>> nzcv & 1) != 0 ? taken : next;
        }
    }

    /** Of {@code d}, {@code n} and {@code m}. */
    abstract static class RegisterPair extends Pair {
        final int d;
        final int n;
        final int m;

        RegisterPair(int d, int n, int m, BranchConditional branch) {
            super(branch);
            this.d = d;
            this.n = n;
            this.m = m;
        }
    }

    /** Of {@code d}, {@code n} and a constant. */
    abstract static class ImmediatePair extends Pair {
        final int d;
        final int n;
        final long immediate;

        ImmediatePair(int d, int n, long immediate, BranchConditional branch) {
            super(branch);
            this.d = d;
            this.n = n;
            this.immediate = immediate;
        }
    }

    /** CCMP with register or immediate; the other operand is zero. */
    abstract static class ConditionalPair extends Pair {
        final int n;
        final int m;
        final long constant;
        final int condition;
        final int otherwise;

        ConditionalPair(
                int n,
                int m,
                long constant,
                int condition,
                int otherwise,
                BranchConditional branch) {
            super(branch);
            this.n = n;
            this.m = m;
            this.constant = constant;
            this.condition = condition;
            this.otherwise = otherwise;
        }
    }

    static final class AddsImmediate64 extends ImmediatePair {
        AddsImmediate64(int d, int n, long immediate, BranchConditional branch) {
            super(d, n, immediate, branch);
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long a = cpu.x[n];
            long result = a + immediate;
            cpu.x[d] = result;
            branch(cpu, Flags.ofAdd(a, immediate, result));
        }
    }

    static final class AddsImmediate32 extends ImmediatePair {
        AddsImmediate32(int d, int n, long immediate, BranchConditional branch) {
            super(d, n, immediate, branch);
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long a = cpu.x[n] << 32;
            long result = a + immediate;
            cpu.x[d] = result >>> 32;
            branch(cpu, Flags.ofAdd(a, immediate, result));
        }
    }

    static final class SubsImmediate64 extends ImmediatePair {
        SubsImmediate64(int d, int n, long immediate, BranchConditional branch) {
            super(d, n, immediate, branch);
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long a = cpu.x[n];
            long result = a - immediate;
            cpu.x[d] = result;
            branch(cpu, Flags.ofSubtract(a, immediate, result));
        }
    }

    static final class SubsImmediate32 extends ImmediatePair {
        SubsImmediate32(int d, int n, long immediate, BranchConditional branch) {
            super(d, n, immediate, branch);
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long a = cpu.x[n] << 32;
            long result = a - immediate;
            cpu.x[d] = result >>> 32;
            branch(cpu, Flags.ofSubtract(a, immediate, result));
        }
    }

    static final class SubsRegister64 extends RegisterPair {
        SubsRegister64(int d, int n, int m, BranchConditional branch) {
            super(d, n, m, branch);
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long a = cpu.x[n];
            long b = cpu.x[m];
            long result = a - b;
            cpu.x[d] = result;
            branch(cpu, Flags.ofSubtract(a, b, result));
        }
    }

    static final class SubsRegister32 extends RegisterPair {
        SubsRegister32(int d, int n, int m, BranchConditional branch) {
            super(d, n, m, branch);
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long a = cpu.x[n] << 32;
            long b = cpu.x[m] << 32;
            long result = a - b;
            cpu.x[d] = result >>> 32;
            branch(cpu, Flags.ofSubtract(a, b, result));
        }
    }

    static final class AndsImmediate64 extends ImmediatePair {
        AndsImmediate64(int d, int n, long immediate, BranchConditional branch) {
            super(d, n, immediate, branch);
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long result = cpu.x[n] & immediate;
            cpu.x[d] = result;
            branch(cpu, Flags.ofLogical(result));
        }
    }

    static final class AndsImmediate32 extends ImmediatePair {
        AndsImmediate32(int d, int n, long immediate, BranchConditional branch) {
            super(d, n, immediate, branch);
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long result = cpu.x[n] & immediate;
            cpu.x[d] = result;
            branch(cpu, Flags.ofLogical(result << 32));
        }
    }

    static final class AndsRegister64 extends RegisterPair {
        AndsRegister64(int d, int n, int m, BranchConditional branch) {
            super(d, n, m, branch);
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long result = cpu.x[n] & cpu.x[m];
            cpu.x[d] = result;
            branch(cpu, Flags.ofLogical(result));
        }
    }

    static final class AndsRegister32 extends RegisterPair {
        AndsRegister32(int d, int n, int m, BranchConditional branch) {
            super(d, n, m, branch);
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long result = cpu.x[n] & cpu.x[m] & WORD;
            cpu.x[d] = result;
            branch(cpu, Flags.ofLogical(result << 32));
        }
    }

    static final class ConditionalCompare64 extends ConditionalPair {
        ConditionalCompare64(
                int n,
                int m,
                long constant,
                int condition,
                int otherwise,
                BranchConditional branch) {
            super(n, m, constant, condition, otherwise, branch);
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long a = cpu.x[n];
            long b = cpu.x[m] + constant;
            boolean holds = (condition >>> cpu.nzcv & 1) != 0;
            branch(cpu, holds ? Flags.ofSubtract(a, b, a - b) : otherwise);
        }
    }

    static final class ConditionalCompare32 extends ConditionalPair {
        ConditionalCompare32(
                int n,
                int m,
                long constant,
                int condition,
                int otherwise,
                BranchConditional branch) {
            super(n, m, constant, condition, otherwise, branch);
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long a = cpu.x[n] << 32;
            long b = cpu.x[m] + constant << 32;
            boolean holds = (condition >>> cpu.nzcv & 1) != 0;
            branch(cpu, holds ? Flags.ofSubtract(a, b, a - b) : otherwise);
        }
    }
}
