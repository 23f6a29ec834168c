package nestor.cpu.arm64;

import static nestor.cpu.arm64.Encoding.WORD;
import static nestor.cpu.arm64.Encoding.bit;
import static nestor.cpu.arm64.Encoding.bits;
import static nestor.cpu.arm64.Encoding.destination;
import static nestor.cpu.arm64.Encoding.ones;
import static nestor.cpu.arm64.Encoding.registerOrSp;
import static nestor.cpu.arm64.Encoding.source;

import org.jspecify.annotations.Nullable;

/**
 * Logical operations: immediate (§C4.1.92) and shifted register (§C4.1.94). Bits 30:29 are AND,
 * ORR, EOR, ANDS.
 */
final class Logical {
    private Logical() {}

    /** AND, ORR, EOR, ANDS (immediate). */
    static Op immediate(int instruction) {
        boolean wide = bit(instruction, 31);
        if (!wide && bit(instruction, 22)) {
            return Undefined.OP;
        }
        int width = bitMaskWidth(instruction);
        if (width == 0) {
            return Undefined.OP;
        }
        long mask = bitMask(instruction, width) & (wide ? -1 : WORD);
        int n = source(instruction, 5);
        int d = registerOrSp(instruction, 0);
        return switch (bits(instruction, 30, 29)) {
            case 0b00 -> new AndImmediate(d, n, mask);
            case 0b01 ->
                    n == Arm64Cpu.ZR
                            ? new MoveWide.MoveConstant(d, mask)
                            : new OrrImmediate(d, n, mask, wide ? -1 : WORD);
            case 0b10 -> new EorImmediate(d, n, mask, wide ? -1 : WORD);
            default ->
                    wide
                            ? new AndsImmediate64(destination(instruction, 0), n, mask)
                            : new AndsImmediate32(destination(instruction, 0), n, mask);
        };
    }

    /**
     * Element width of a bitmask immediate, 2 to 64; 0 for a reserved value (DecodeBitMasks,
     * §J1.3): no width, or an element of all ones.
     */
    private static int bitMaskWidth(int instruction) {
        int selector = bits(instruction, 22, 22) << 6 | ~bits(instruction, 15, 10) & 0x3f;
        int width = Integer.highestOneBit(selector);
        boolean allOnes = (bits(instruction, 15, 10) & width - 1) == width - 1;
        return width < 2 || allOnes ? 0 : width;
    }

    private static long bitMask(int instruction, int width) {
        int set = (bits(instruction, 15, 10) & width - 1) + 1;
        int rotation = bits(instruction, 21, 16) & width - 1;
        long element = ones(set);
        element = (element >>> rotation | element << (width - rotation)) & ones(width);
        if (rotation == 0) {
            element = ones(set);
        }
        long mask = element;
        for (int filled = width; filled < 64; filled *= 2) {
            mask |= mask << filled;
        }
        return mask;
    }

    /** AND, BIC, ORR, ORN, EOR, EON, ANDS, BICS (shifted register). */
    static Op shiftedRegister(int instruction) {
        int amount = bits(instruction, 15, 10);
        int width = bit(instruction, 31) ? 64 : 32;
        if (amount >= width) {
            return Undefined.OP;
        }
        int d = destination(instruction, 0);
        int n = source(instruction, 5);
        int m = source(instruction, 16);
        boolean invert = bit(instruction, 21);
        int operation = bits(instruction, 31, 29);
        if (amount == 0 && !invert) {
            return plain(operation, d, n, m);
        }
        Shift shift = Shift.of(bits(instruction, 23, 22), amount, width);
        long inversion = invert ? -1 : 0;
        return switch (operation) {
            case 0b000 -> new And32(d, n, m, shift, inversion);
            case 0b001 -> new Orr32(d, n, m, shift, inversion);
            case 0b010 -> new Eor32(d, n, m, shift, inversion);
            case 0b011 -> new Ands32(d, n, m, shift, inversion);
            case 0b100 -> new And64(d, n, m, shift, inversion);
            case 0b101 -> new Orr64(d, n, m, shift, inversion);
            case 0b110 -> new Eor64(d, n, m, shift, inversion);
            default -> new Ands64(d, n, m, shift, inversion);
        };
    }

    /** Neither shifted nor inverted; ORR with ZR is MOV. */
    private static Op plain(int operation, int d, int n, int m) {
        return switch (operation) {
            case 0b000 -> new AndRegister32(d, n, m);
            case 0b001 -> n == Arm64Cpu.ZR ? new Move32(d, m) : new OrrRegister32(d, n, m);
            case 0b010 -> new EorRegister32(d, n, m);
            case 0b011 -> new AndsRegister32(d, n, m);
            case 0b100 -> new AndRegister64(d, n, m);
            case 0b101 -> n == Arm64Cpu.ZR ? new Move64(d, m) : new OrrRegister64(d, n, m);
            case 0b110 -> new EorRegister64(d, n, m);
            default -> new AndsRegister64(d, n, m);
        };
    }

    static final class AndImmediate extends Op {
        private final int d;
        private final int n;
        private final long mask;

        AndImmediate(int d, int n, long mask) {
            this.d = d;
            this.n = n;
            this.mask = mask;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[d] = cpu.x[n] & mask;
        }
    }

    static final class OrrImmediate extends Op {
        private final int d;
        private final int n;
        private final long mask;
        private final long width;

        OrrImmediate(int d, int n, long mask, long width) {
            this.d = d;
            this.n = n;
            this.mask = mask;
            this.width = width;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[d] = (cpu.x[n] | mask) & width;
        }
    }

    static final class EorImmediate extends Op {
        private final int d;
        private final int n;
        private final long mask;
        private final long width;

        EorImmediate(int d, int n, long mask, long width) {
            this.d = d;
            this.n = n;
            this.mask = mask;
            this.width = width;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[d] = (cpu.x[n] ^ mask) & width;
        }
    }

    static final class AndsImmediate64 extends Op {
        private final int d;
        private final int n;
        private final long mask;

        AndsImmediate64(int d, int n, long mask) {
            this.d = d;
            this.n = n;
            this.mask = mask;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long result = cpu.x[n] & mask;
            cpu.nzcv = Flags.ofLogical(result);
            cpu.x[d] = result;
        }

        @Override
        @Nullable Op fusedWith(Op next) {
            return next instanceof BranchesAndSystem.BranchConditional branch
                    ? new FlagsAndBranch.AndsImmediate64(d, n, mask, branch)
                    : null;
        }
    }

    static final class AndsImmediate32 extends Op {
        private final int d;
        private final int n;
        private final long mask;

        AndsImmediate32(int d, int n, long mask) {
            this.d = d;
            this.n = n;
            this.mask = mask;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long result = cpu.x[n] & mask;
            cpu.nzcv = Flags.ofLogical(result << 32);
            cpu.x[d] = result;
        }

        @Override
        @Nullable Op fusedWith(Op next) {
            return next instanceof BranchesAndSystem.BranchConditional branch
                    ? new FlagsAndBranch.AndsImmediate32(d, n, mask, branch)
                    : null;
        }
    }

    static final class Move64 extends Op {
        private final int d;
        private final int m;

        Move64(int d, int m) {
            this.d = d;
            this.m = m;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[d] = cpu.x[m];
        }
    }

    static final class Move32 extends Op {
        private final int d;
        private final int m;

        Move32(int d, int m) {
            this.d = d;
            this.m = m;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[d] = cpu.x[m] & WORD;
        }
    }

    static final class AndRegister64 extends Op {
        private final int d;
        private final int n;
        private final int m;

        AndRegister64(int d, int n, int m) {
            this.d = d;
            this.n = n;
            this.m = m;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[d] = cpu.x[n] & cpu.x[m];
        }
    }

    static final class AndRegister32 extends Op {
        private final int d;
        private final int n;
        private final int m;

        AndRegister32(int d, int n, int m) {
            this.d = d;
            this.n = n;
            this.m = m;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[d] = (cpu.x[n] & cpu.x[m]) & WORD;
        }
    }

    static final class OrrRegister64 extends Op {
        private final int d;
        private final int n;
        private final int m;

        OrrRegister64(int d, int n, int m) {
            this.d = d;
            this.n = n;
            this.m = m;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[d] = cpu.x[n] | cpu.x[m];
        }
    }

    static final class OrrRegister32 extends Op {
        private final int d;
        private final int n;
        private final int m;

        OrrRegister32(int d, int n, int m) {
            this.d = d;
            this.n = n;
            this.m = m;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[d] = (cpu.x[n] | cpu.x[m]) & WORD;
        }
    }

    static final class EorRegister64 extends Op {
        private final int d;
        private final int n;
        private final int m;

        EorRegister64(int d, int n, int m) {
            this.d = d;
            this.n = n;
            this.m = m;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[d] = cpu.x[n] ^ cpu.x[m];
        }
    }

    static final class EorRegister32 extends Op {
        private final int d;
        private final int n;
        private final int m;

        EorRegister32(int d, int n, int m) {
            this.d = d;
            this.n = n;
            this.m = m;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[d] = (cpu.x[n] ^ cpu.x[m]) & WORD;
        }
    }

    static final class AndsRegister64 extends Op {
        private final int d;
        private final int n;
        private final int m;

        AndsRegister64(int d, int n, int m) {
            this.d = d;
            this.n = n;
            this.m = m;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long result = cpu.x[n] & cpu.x[m];
            cpu.nzcv = Flags.ofLogical(result);
            cpu.x[d] = result;
        }

        @Override
        @Nullable Op fusedWith(Op next) {
            return next instanceof BranchesAndSystem.BranchConditional branch
                    ? new FlagsAndBranch.AndsRegister64(d, n, m, branch)
                    : null;
        }
    }

    static final class AndsRegister32 extends Op {
        private final int d;
        private final int n;
        private final int m;

        AndsRegister32(int d, int n, int m) {
            this.d = d;
            this.n = n;
            this.m = m;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long result = cpu.x[n] & cpu.x[m] & WORD;
            cpu.nzcv = Flags.ofLogical(result << 32);
            cpu.x[d] = result;
        }

        @Override
        @Nullable Op fusedWith(Op next) {
            return next instanceof BranchesAndSystem.BranchConditional branch
                    ? new FlagsAndBranch.AndsRegister32(d, n, m, branch)
                    : null;
        }
    }

    static final class And64 extends Op {
        private final int d;
        private final int n;
        private final int m;
        private final int rotation;
        private final long mask;
        private final long sign;
        private final long inversion;

        And64(int d, int n, int m, Shift shift, long inversion) {
            this.d = d;
            this.n = n;
            this.m = m;
            this.rotation = shift.rotation();
            this.mask = shift.mask();
            this.sign = shift.sign();
            this.inversion = inversion;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long v = cpu.x[m];
            cpu.x[d] =
                    cpu.x[n]
                            & ((Long.rotateRight(v, rotation) & mask | v >> 63 & sign) ^ inversion);
        }
    }

    static final class And32 extends Op {
        private final int d;
        private final int n;
        private final int m;
        private final int rotation;
        private final long mask;
        private final long sign;
        private final long inversion;

        And32(int d, int n, int m, Shift shift, long inversion) {
            this.d = d;
            this.n = n;
            this.m = m;
            this.rotation = shift.rotation();
            this.mask = shift.mask();
            this.sign = shift.sign();
            this.inversion = inversion;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            int v = (int) cpu.x[m];
            cpu.x[d] =
                    (cpu.x[n]
                                    & ((Integer.rotateRight(v, rotation) & mask | v >> 31 & sign)
                                            ^ inversion))
                            & WORD;
        }
    }

    static final class Orr64 extends Op {
        private final int d;
        private final int n;
        private final int m;
        private final int rotation;
        private final long mask;
        private final long sign;
        private final long inversion;

        Orr64(int d, int n, int m, Shift shift, long inversion) {
            this.d = d;
            this.n = n;
            this.m = m;
            this.rotation = shift.rotation();
            this.mask = shift.mask();
            this.sign = shift.sign();
            this.inversion = inversion;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long v = cpu.x[m];
            cpu.x[d] =
                    cpu.x[n]
                            | ((Long.rotateRight(v, rotation) & mask | v >> 63 & sign) ^ inversion);
        }
    }

    static final class Orr32 extends Op {
        private final int d;
        private final int n;
        private final int m;
        private final int rotation;
        private final long mask;
        private final long sign;
        private final long inversion;

        Orr32(int d, int n, int m, Shift shift, long inversion) {
            this.d = d;
            this.n = n;
            this.m = m;
            this.rotation = shift.rotation();
            this.mask = shift.mask();
            this.sign = shift.sign();
            this.inversion = inversion;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            int v = (int) cpu.x[m];
            cpu.x[d] =
                    (cpu.x[n]
                                    | ((Integer.rotateRight(v, rotation) & mask | v >> 31 & sign)
                                            ^ inversion))
                            & WORD;
        }
    }

    static final class Eor64 extends Op {
        private final int d;
        private final int n;
        private final int m;
        private final int rotation;
        private final long mask;
        private final long sign;
        private final long inversion;

        Eor64(int d, int n, int m, Shift shift, long inversion) {
            this.d = d;
            this.n = n;
            this.m = m;
            this.rotation = shift.rotation();
            this.mask = shift.mask();
            this.sign = shift.sign();
            this.inversion = inversion;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long v = cpu.x[m];
            cpu.x[d] =
                    cpu.x[n]
                            ^ ((Long.rotateRight(v, rotation) & mask | v >> 63 & sign) ^ inversion);
        }
    }

    static final class Eor32 extends Op {
        private final int d;
        private final int n;
        private final int m;
        private final int rotation;
        private final long mask;
        private final long sign;
        private final long inversion;

        Eor32(int d, int n, int m, Shift shift, long inversion) {
            this.d = d;
            this.n = n;
            this.m = m;
            this.rotation = shift.rotation();
            this.mask = shift.mask();
            this.sign = shift.sign();
            this.inversion = inversion;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            int v = (int) cpu.x[m];
            cpu.x[d] =
                    (cpu.x[n]
                                    ^ ((Integer.rotateRight(v, rotation) & mask | v >> 31 & sign)
                                            ^ inversion))
                            & WORD;
        }
    }

    static final class Ands64 extends Op {
        private final int d;
        private final int n;
        private final int m;
        private final int rotation;
        private final long mask;
        private final long sign;
        private final long inversion;

        Ands64(int d, int n, int m, Shift shift, long inversion) {
            this.d = d;
            this.n = n;
            this.m = m;
            this.rotation = shift.rotation();
            this.mask = shift.mask();
            this.sign = shift.sign();
            this.inversion = inversion;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long v = cpu.x[m];
            long result =
                    cpu.x[n]
                            & ((Long.rotateRight(v, rotation) & mask | v >> 63 & sign) ^ inversion);
            cpu.nzcv = Flags.ofLogical(result);
            cpu.x[d] = result;
        }
    }

    static final class Ands32 extends Op {
        private final int d;
        private final int n;
        private final int m;
        private final int rotation;
        private final long mask;
        private final long sign;
        private final long inversion;

        Ands32(int d, int n, int m, Shift shift, long inversion) {
            this.d = d;
            this.n = n;
            this.m = m;
            this.rotation = shift.rotation();
            this.mask = shift.mask();
            this.sign = shift.sign();
            this.inversion = inversion;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            int v = (int) cpu.x[m];
            long result =
                    cpu.x[n]
                            & ((Integer.rotateRight(v, rotation) & mask | v >> 31 & sign)
                                    ^ inversion)
                            & WORD;
            cpu.nzcv = Flags.ofLogical(result << 32);
            cpu.x[d] = result;
        }
    }
}
