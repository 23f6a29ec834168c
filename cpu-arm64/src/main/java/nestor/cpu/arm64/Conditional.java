package nestor.cpu.arm64;

import static nestor.cpu.arm64.Encoding.WORD;
import static nestor.cpu.arm64.Encoding.bit;
import static nestor.cpu.arm64.Encoding.bits;
import static nestor.cpu.arm64.Encoding.destination;
import static nestor.cpu.arm64.Encoding.source;

import org.jspecify.annotations.Nullable;

/** Conditional compare and conditional select (§C4.1.94). */
final class Conditional {
    private Conditional() {}

    /** CCMN, CCMP (register and immediate). */
    static Op compare(int instruction) {
        if (!bit(instruction, 29) || bit(instruction, 10) || bit(instruction, 4)) {
            return Undefined.OP;
        }
        boolean immediate = bit(instruction, 11);
        int n = source(instruction, 5);
        int m = immediate ? Arm64Cpu.ZR : source(instruction, 16);
        long constant = immediate ? bits(instruction, 20, 16) : 0;
        int holding = Flags.holding(bits(instruction, 15, 12));
        int otherwise = bits(instruction, 3, 0);
        return switch (bits(instruction, 31, 30)) {
            case 0b00 -> new CompareNegative32(n, m, constant, holding, otherwise);
            case 0b01 -> new Compare32(n, m, constant, holding, otherwise);
            case 0b10 -> new CompareNegative64(n, m, constant, holding, otherwise);
            default -> new Compare64(n, m, constant, holding, otherwise);
        };
    }

    /** CSEL, CSINC, CSINV, CSNEG. */
    static Op select(int instruction) {
        if (bit(instruction, 29) || bit(instruction, 11)) {
            return Undefined.OP;
        }
        boolean wide = bit(instruction, 31);
        int d = destination(instruction, 0);
        int n = source(instruction, 5);
        int m = source(instruction, 16);
        int holding = Flags.holding(bits(instruction, 15, 12));
        boolean invert = bit(instruction, 30);
        boolean increment = bit(instruction, 10);
        if (wide && !invert && !increment) {
            return new Select64(d, n, m, holding);
        }
        return new Select(d, n, m, holding, invert ? -1 : 0, increment ? 1 : 0, wide ? -1 : WORD);
    }

    static final class Compare64 extends Op {
        private final int n;
        private final int m;
        private final long constant;
        private final int holding;
        private final int otherwise;

        Compare64(int n, int m, long constant, int holding, int otherwise) {
            this.n = n;
            this.m = m;
            this.constant = constant;
            this.holding = holding;
            this.otherwise = otherwise;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long a = cpu.x[n];
            long b = cpu.x[m] + constant;
            boolean holds = (holding >>> cpu.nzcv & 1) != 0;
            cpu.nzcv = holds ? Flags.ofSubtract(a, b, a - b) : otherwise;
        }

        @Override
        @Nullable Op fusedWith(Op next) {
            return next instanceof BranchesAndSystem.BranchConditional branch
                    ? new FlagsAndBranch.ConditionalCompare64(
                            n, m, constant, holding, otherwise, branch)
                    : null;
        }
    }

    static final class Compare32 extends Op {
        private final int n;
        private final int m;
        private final long constant;
        private final int holding;
        private final int otherwise;

        Compare32(int n, int m, long constant, int holding, int otherwise) {
            this.n = n;
            this.m = m;
            this.constant = constant;
            this.holding = holding;
            this.otherwise = otherwise;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long a = cpu.x[n] << 32;
            long b = cpu.x[m] + constant << 32;
            boolean holds = (holding >>> cpu.nzcv & 1) != 0;
            cpu.nzcv = holds ? Flags.ofSubtract(a, b, a - b) : otherwise;
        }

        @Override
        @Nullable Op fusedWith(Op next) {
            return next instanceof BranchesAndSystem.BranchConditional branch
                    ? new FlagsAndBranch.ConditionalCompare32(
                            n, m, constant, holding, otherwise, branch)
                    : null;
        }
    }

    static final class CompareNegative64 extends Op {
        private final int n;
        private final int m;
        private final long constant;
        private final int holding;
        private final int otherwise;

        CompareNegative64(int n, int m, long constant, int holding, int otherwise) {
            this.n = n;
            this.m = m;
            this.constant = constant;
            this.holding = holding;
            this.otherwise = otherwise;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long a = cpu.x[n];
            long b = cpu.x[m] + constant;
            boolean holds = (holding >>> cpu.nzcv & 1) != 0;
            cpu.nzcv = holds ? Flags.ofAdd(a, b, a + b) : otherwise;
        }
    }

    static final class CompareNegative32 extends Op {
        private final int n;
        private final int m;
        private final long constant;
        private final int holding;
        private final int otherwise;

        CompareNegative32(int n, int m, long constant, int holding, int otherwise) {
            this.n = n;
            this.m = m;
            this.constant = constant;
            this.holding = holding;
            this.otherwise = otherwise;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long a = cpu.x[n] << 32;
            long b = cpu.x[m] + constant << 32;
            boolean holds = (holding >>> cpu.nzcv & 1) != 0;
            cpu.nzcv = holds ? Flags.ofAdd(a, b, a + b) : otherwise;
        }
    }

    static final class Select64 extends Op {
        private final int d;
        private final int n;
        private final int m;
        private final int holding;

        Select64(int d, int n, int m, int holding) {
            this.d = d;
            this.n = n;
            this.m = m;
            this.holding = holding;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[d] = (holding >>> cpu.nzcv & 1) != 0 ? cpu.x[n] : cpu.x[m];
        }
    }

    static final class Select extends Op {
        private final int d;
        private final int n;
        private final int m;
        private final int holding;
        private final long inversion;
        private final long increment;
        private final long width;

        Select(int d, int n, int m, int holding, long inversion, long increment, long width) {
            this.d = d;
            this.n = n;
            this.m = m;
            this.holding = holding;
            this.inversion = inversion;
            this.increment = increment;
            this.width = width;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long otherwise = (cpu.x[m] ^ inversion) + increment;
            cpu.x[d] = ((holding >>> cpu.nzcv & 1) != 0 ? cpu.x[n] : otherwise) & width;
        }
    }
}
