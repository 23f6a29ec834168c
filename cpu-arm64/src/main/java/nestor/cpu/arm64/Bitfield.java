package nestor.cpu.arm64;

import static nestor.cpu.arm64.Encoding.WORD;
import static nestor.cpu.arm64.Encoding.bit;
import static nestor.cpu.arm64.Encoding.bits;
import static nestor.cpu.arm64.Encoding.destination;
import static nestor.cpu.arm64.Encoding.ones;
import static nestor.cpu.arm64.Encoding.source;

/** Bitfield and extract (§C4.1.92), with their aliases: shifts by a constant, SXTW, BFI, ROR. */
final class Bitfield {
    private Bitfield() {}

    /** SBFM, BFM, UBFM. */
    static Op decode(int instruction) {
        boolean wide = bit(instruction, 31);
        int width = wide ? 64 : 32;
        int rotation = bits(instruction, 21, 16);
        int top = bits(instruction, 15, 10);
        if (bit(instruction, 22) != wide || rotation >= width || top >= width) {
            return Undefined.OP;
        }
        int d = destination(instruction, 0);
        int n = source(instruction, 5);
        // The field goes to the top of 64 bits first, which drops what is above it, then down.
        int left = 63 - top;
        int right = top >= rotation ? left + rotation : left - (width - rotation);
        return switch (bits(instruction, 30, 29)) {
            case 0b00 -> new SignedBitfield(d, n, left, right, wide ? -1 : WORD);
            case 0b01 -> move(d, n, rotation, top, width);
            case 0b10 -> new UnsignedBitfield(d, n, left, right);
            default -> Undefined.OP;
        };
    }

    private static Op move(int d, int n, int rotation, int top, int width) {
        long mask =
                top >= rotation ? ones(top - rotation + 1) : ones(top + 1) << (width - rotation);
        return width == 64
                ? new BitfieldMove64(d, n, rotation, mask)
                : new BitfieldMove32(d, n, rotation, mask);
    }

    /** EXTR. */
    static Op extract(int instruction) {
        boolean wide = bit(instruction, 31);
        int lsb = bits(instruction, 15, 10);
        if (bits(instruction, 30, 29) != 0
                || bit(instruction, 21)
                || bit(instruction, 22) != wide
                || !wide && lsb >= 32) {
            return Undefined.OP;
        }
        int d = destination(instruction, 0);
        int n = source(instruction, 5);
        int m = source(instruction, 16);
        if (!wide) {
            return new Extract32(d, n, m, lsb);
        }
        return lsb == 0 ? new Logical.Move64(d, m) : new Extract64(d, n, m, lsb);
    }

    static final class UnsignedBitfield extends Op {
        private final int d;
        private final int n;
        private final int left;
        private final int right;

        UnsignedBitfield(int d, int n, int left, int right) {
            this.d = d;
            this.n = n;
            this.left = left;
            this.right = right;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[d] = cpu.x[n] << left >>> right;
        }
    }

    static final class SignedBitfield extends Op {
        private final int d;
        private final int n;
        private final int left;
        private final int right;
        private final long width;

        SignedBitfield(int d, int n, int left, int right, long width) {
            this.d = d;
            this.n = n;
            this.left = left;
            this.right = right;
            this.width = width;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[d] = cpu.x[n] << left >> right & width;
        }
    }

    static final class BitfieldMove64 extends Op {
        private final int d;
        private final int n;
        private final int rotation;
        private final long mask;

        BitfieldMove64(int d, int n, int rotation, long mask) {
            this.d = d;
            this.n = n;
            this.rotation = rotation;
            this.mask = mask;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long field = Long.rotateRight(cpu.x[n], rotation) & mask;
            cpu.x[d] = cpu.x[d] & ~mask | field;
        }
    }

    static final class BitfieldMove32 extends Op {
        private final int d;
        private final int n;
        private final int rotation;
        private final long mask;

        BitfieldMove32(int d, int n, int rotation, long mask) {
            this.d = d;
            this.n = n;
            this.rotation = rotation;
            this.mask = mask;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long field = Integer.rotateRight((int) cpu.x[n], rotation) & mask;
            cpu.x[d] = cpu.x[d] & ~mask & WORD | field;
        }
    }

    static final class Extract64 extends Op {
        private final int d;
        private final int n;
        private final int m;
        private final int lsb;

        Extract64(int d, int n, int m, int lsb) {
            this.d = d;
            this.n = n;
            this.m = m;
            this.lsb = lsb;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[d] = cpu.x[n] << -lsb | cpu.x[m] >>> lsb;
        }
    }

    static final class Extract32 extends Op {
        private final int d;
        private final int n;
        private final int m;
        private final int lsb;

        Extract32(int d, int n, int m, int lsb) {
            this.d = d;
            this.n = n;
            this.m = m;
            this.lsb = lsb;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[d] = (cpu.x[n] << 32 | cpu.x[m] & WORD) >>> lsb & WORD;
        }
    }
}
