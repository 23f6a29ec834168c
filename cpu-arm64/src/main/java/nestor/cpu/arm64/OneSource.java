package nestor.cpu.arm64;

import static nestor.cpu.arm64.Encoding.WORD;
import static nestor.cpu.arm64.Encoding.bit;
import static nestor.cpu.arm64.Encoding.bits;
import static nestor.cpu.arm64.Encoding.destination;
import static nestor.cpu.arm64.Encoding.source;

/** Data-processing (1 source) (§C4.1.94). Pointer authentication is not implemented. */
final class OneSource {
    private OneSource() {}

    /** RBIT, REV16, REV32, REV, CLZ, CLS. */
    static Op decode(int instruction) {
        if (bit(instruction, 29) || bits(instruction, 20, 16) != 0) {
            return Undefined.OP;
        }
        int d = destination(instruction, 0);
        int n = source(instruction, 5);
        boolean wide = bit(instruction, 31);
        return switch (bits(instruction, 15, 10)) {
            case 0b000000 -> wide ? new ReverseBits64(d, n) : new ReverseBits32(d, n);
            case 0b000001 -> new ReverseBytes16(d, n, wide ? -1 : WORD);
            case 0b000010 -> wide ? new ReverseBytesInWords(d, n) : new ReverseBytes32(d, n);
            case 0b000011 -> wide ? new ReverseBytes64(d, n) : Undefined.OP;
            case 0b000100 -> wide ? new LeadingZeros64(d, n) : new LeadingZeros32(d, n);
            case 0b000101 -> wide ? new LeadingSigns64(d, n) : new LeadingSigns32(d, n);
            default -> Undefined.OP;
        };
    }

    static final class ReverseBits64 extends Op {
        private final int d;
        private final int n;

        ReverseBits64(int d, int n) {
            this.d = d;
            this.n = n;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[d] = Long.reverse(cpu.x[n]);
        }
    }

    static final class ReverseBits32 extends Op {
        private final int d;
        private final int n;

        ReverseBits32(int d, int n) {
            this.d = d;
            this.n = n;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[d] = Integer.reverse((int) cpu.x[n]) & WORD;
        }
    }

    static final class ReverseBytes16 extends Op {
        private final int d;
        private final int n;
        private final long width;

        ReverseBytes16(int d, int n, long width) {
            this.d = d;
            this.n = n;
            this.width = width;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long v = cpu.x[n] & width;
            long even = 0x00ff_00ff_00ff_00ffL;
            cpu.x[d] = v >>> 8 & even | (v & even) << 8;
        }
    }

    static final class ReverseBytesInWords extends Op {
        private final int d;
        private final int n;

        ReverseBytesInWords(int d, int n) {
            this.d = d;
            this.n = n;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[d] = Long.rotateRight(Long.reverseBytes(cpu.x[n]), 32);
        }
    }

    static final class ReverseBytes64 extends Op {
        private final int d;
        private final int n;

        ReverseBytes64(int d, int n) {
            this.d = d;
            this.n = n;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[d] = Long.reverseBytes(cpu.x[n]);
        }
    }

    static final class ReverseBytes32 extends Op {
        private final int d;
        private final int n;

        ReverseBytes32(int d, int n) {
            this.d = d;
            this.n = n;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[d] = Integer.reverseBytes((int) cpu.x[n]) & WORD;
        }
    }

    static final class LeadingZeros64 extends Op {
        private final int d;
        private final int n;

        LeadingZeros64(int d, int n) {
            this.d = d;
            this.n = n;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[d] = Long.numberOfLeadingZeros(cpu.x[n]);
        }
    }

    static final class LeadingZeros32 extends Op {
        private final int d;
        private final int n;

        LeadingZeros32(int d, int n) {
            this.d = d;
            this.n = n;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[d] = Integer.numberOfLeadingZeros((int) cpu.x[n]);
        }
    }

    static final class LeadingSigns64 extends Op {
        private final int d;
        private final int n;

        LeadingSigns64(int d, int n) {
            this.d = d;
            this.n = n;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long v = cpu.x[n];
            cpu.x[d] = Long.numberOfLeadingZeros(v ^ v >> 63) - 1L;
        }
    }

    static final class LeadingSigns32 extends Op {
        private final int d;
        private final int n;

        LeadingSigns32(int d, int n) {
            this.d = d;
            this.n = n;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            int v = (int) cpu.x[n];
            cpu.x[d] = Integer.numberOfLeadingZeros(v ^ v >> 31) - 1L;
        }
    }
}
