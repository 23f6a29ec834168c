package nestor.cpu.arm64;

import static nestor.cpu.arm64.Encoding.bit;
import static nestor.cpu.arm64.Encoding.bits;
import static nestor.cpu.arm64.Encoding.signed;
import static nestor.cpu.arm64.Encoding.source;

/** Branches, Exception Generating and System instructions (§C4.1.93). */
final class BranchesAndSystem {
    private BranchesAndSystem() {}

    static Op decode(int instruction, int offset) {
        return switch (bits(instruction, 31, 25)) {
            case 0b0001010, 0b0001011, 0b1001010, 0b1001011 -> immediate(instruction, offset);
            case 0b0101010 -> conditional(instruction, offset);
            case 0b0011010, 0b1011010 -> compare(instruction, offset);
            case 0b0011011, 0b1011011 -> test(instruction, offset);
            case 0b1101010 -> SystemInstructions.decode(instruction, offset);
            case 0b1101011 -> register(instruction, offset);
            default -> Undefined.OP;
        };
    }

    /** B, BL. */
    private static Op immediate(int instruction, int offset) {
        long taken = offset + (signed(instruction, 25, 0) << 2);
        return instruction < 0 ? new BranchLink(taken, offset + 4) : new Branch(taken);
    }

    /** B.cond. */
    private static Op conditional(int instruction, int offset) {
        if (bit(instruction, 24) || bit(instruction, 4)) {
            return Undefined.OP;
        }
        long taken = offset + (signed(instruction, 23, 5) << 2);
        return new BranchConditional(Flags.holding(bits(instruction, 3, 0)), taken, offset + 4);
    }

    /** CBZ, CBNZ. */
    private static Op compare(int instruction, int offset) {
        int t = source(instruction, 0);
        long taken = offset + (signed(instruction, 23, 5) << 2);
        long ifZero = bit(instruction, 24) ? offset + 4 : taken;
        long ifNot = bit(instruction, 24) ? taken : offset + 4;
        return instruction < 0
                ? new BranchOnZero64(t, ifZero, ifNot)
                : new BranchOnZero32(t, ifZero, ifNot);
    }

    /** TBZ, TBNZ. */
    private static Op test(int instruction, int offset) {
        long mask = 1L << (bits(instruction, 31, 31) << 5 | bits(instruction, 23, 19));
        long taken = offset + (signed(instruction, 18, 5) << 2);
        long ifZero = bit(instruction, 24) ? offset + 4 : taken;
        long ifNot = bit(instruction, 24) ? taken : offset + 4;
        return new BranchOnBit(source(instruction, 0), mask, ifZero, ifNot);
    }

    /** BR, BLR, RET; pointer authentication is not implemented. */
    private static Op register(int instruction, int offset) {
        boolean plain =
                bits(instruction, 20, 16) == 0b11111
                        && bits(instruction, 15, 10) == 0
                        && bits(instruction, 4, 0) == 0;
        if (!plain) {
            return Undefined.OP;
        }
        int n = source(instruction, 5);
        return switch (bits(instruction, 24, 21)) {
            case 0b0000, 0b0010 -> new BranchRegister(n);
            case 0b0001 -> new BranchLinkRegister(n, offset + 4);
            case 0b0100 -> SystemInstructions.decode(instruction, offset);
            default -> Undefined.OP;
        };
    }

    /** What ends a block by setting the PC. */
    abstract static class BlockEnd extends Op {
        @Override
        final boolean endsBlock() {
            return true;
        }
    }

    static final class Branch extends BlockEnd {
        private final long taken;

        Branch(long taken) {
            this.taken = taken;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.pc += taken;
        }
    }

    static final class BranchLink extends BlockEnd {
        private final long taken;
        private final int next;

        BranchLink(long taken, int next) {
            this.taken = taken;
            this.next = next;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[30] = cpu.pc + next;
            cpu.pc += taken;
        }
    }

    static final class BranchConditional extends BlockEnd {
        final int holding;
        final long taken;
        final long next;

        BranchConditional(int holding, long taken, long next) {
            this.holding = holding;
            this.taken = taken;
            this.next = next;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.pc += (holding >>> cpu.nzcv & 1) != 0 ? taken : next;
        }
    }

    static final class BranchOnZero64 extends BlockEnd {
        private final int t;
        private final long ifZero;
        private final long ifNot;

        BranchOnZero64(int t, long ifZero, long ifNot) {
            this.t = t;
            this.ifZero = ifZero;
            this.ifNot = ifNot;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.pc += cpu.x[t] == 0 ? ifZero : ifNot;
        }
    }

    static final class BranchOnZero32 extends BlockEnd {
        private final int t;
        private final long ifZero;
        private final long ifNot;

        BranchOnZero32(int t, long ifZero, long ifNot) {
            this.t = t;
            this.ifZero = ifZero;
            this.ifNot = ifNot;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.pc += (int) cpu.x[t] == 0 ? ifZero : ifNot;
        }
    }

    static final class BranchOnBit extends BlockEnd {
        private final int t;
        private final long mask;
        private final long ifZero;
        private final long ifNot;

        BranchOnBit(int t, long mask, long ifZero, long ifNot) {
            this.t = t;
            this.mask = mask;
            this.ifZero = ifZero;
            this.ifNot = ifNot;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.pc += (cpu.x[t] & mask) == 0 ? ifZero : ifNot;
        }
    }

    static final class BranchRegister extends BlockEnd {
        private final int n;

        BranchRegister(int n) {
            this.n = n;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.pc = cpu.x[n];
        }
    }

    static final class BranchLinkRegister extends BlockEnd {
        private final int n;
        private final int next;

        BranchLinkRegister(int n, int next) {
            this.n = n;
            this.next = next;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long target = cpu.x[n];
            cpu.x[30] = cpu.pc + next;
            cpu.pc = target;
        }
    }
}
