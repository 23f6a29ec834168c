package nestor.cpu.arm64;

import static nestor.cpu.arm64.Encoding.bits;
import static nestor.cpu.arm64.Encoding.destination;
import static nestor.cpu.arm64.Encoding.ones;
import static nestor.cpu.arm64.Encoding.registerOrSp;
import static nestor.cpu.arm64.Encoding.source;

/**
 * Atomic memory operations, FEAT_LSE (§C4.1.88). Acquire and release are always given. LDAPR, among
 * their encodings, is FEAT_LRCPC: not implemented.
 */
final class AtomicMemory {
    private AtomicMemory() {}

    /**
     * LDADD, LDCLR, LDEOR, LDSET, LDSMAX, LDSMIN, LDUMAX, LDUMIN, SWP; ST* are the same with ZR.
     */
    static Op decode(int instruction) {
        int bytes = 1 << bits(instruction, 31, 30);
        int s = source(instruction, 16);
        int t = destination(instruction, 0);
        int n = registerOrSp(instruction, 5);
        return switch (bits(instruction, 15, 12)) {
            case 0b0000 -> new Add(bytes, s, t, n);
            case 0b0001 -> new Clear(bytes, s, t, n);
            case 0b0010 -> new ExclusiveOr(bytes, s, t, n);
            case 0b0011 -> new Set(bytes, s, t, n);
            case 0b0100 -> new SignedMax(bytes, s, t, n);
            case 0b0101 -> new SignedMin(bytes, s, t, n);
            case 0b0110 -> new UnsignedMax(bytes, s, t, n);
            case 0b0111 -> new UnsignedMin(bytes, s, t, n);
            case 0b1000 -> new Swap(bytes, s, t, n);
            default -> Undefined.OP;
        };
    }

    /**
     * Register {@code t} takes what {@code [n]} held, which is combined with register {@code s}.
     */
    abstract static class ReadModifyWrite extends Op {
        private final int bytes;
        private final int s;
        private final int t;
        private final int n;

        /** Of operands below 64 bits: unsigned, and what their sign is shifted by to bit 63. */
        final long mask;

        final int up;

        ReadModifyWrite(int bytes, int s, int t, int n) {
            this.bytes = bytes;
            this.s = s;
            this.t = t;
            this.n = n;
            this.mask = ones(8 * bytes);
            this.up = 64 - 8 * bytes;
        }

        /**
         * What memory holds afterwards, modulo the size.
         *
         * @param old what it held, zero-extended
         * @param operand the whole register
         */
        abstract long combine(long old, long operand);

        @Override
        final void exec(Arm64Cpu cpu) {
            long va = cpu.x[n];
            long operand = cpu.x[s];
            long old = cpu.loadAcquire(va, bytes);
            long seen = cpu.compareAndSwap(va, bytes, old, combine(old, operand));
            while (seen != old) {
                old = seen;
                seen = cpu.compareAndSwap(va, bytes, old, combine(old, operand));
            }
            cpu.x[t] = old;
        }
    }

    static final class Add extends ReadModifyWrite {
        Add(int bytes, int s, int t, int n) {
            super(bytes, s, t, n);
        }

        @Override
        long combine(long old, long operand) {
            return old + operand;
        }
    }

    static final class Clear extends ReadModifyWrite {
        Clear(int bytes, int s, int t, int n) {
            super(bytes, s, t, n);
        }

        @Override
        long combine(long old, long operand) {
            return old & ~operand;
        }
    }

    static final class ExclusiveOr extends ReadModifyWrite {
        ExclusiveOr(int bytes, int s, int t, int n) {
            super(bytes, s, t, n);
        }

        @Override
        long combine(long old, long operand) {
            return old ^ operand;
        }
    }

    static final class Set extends ReadModifyWrite {
        Set(int bytes, int s, int t, int n) {
            super(bytes, s, t, n);
        }

        @Override
        long combine(long old, long operand) {
            return old | operand;
        }
    }

    static final class SignedMax extends ReadModifyWrite {
        SignedMax(int bytes, int s, int t, int n) {
            super(bytes, s, t, n);
        }

        @Override
        long combine(long old, long operand) {
            return Math.max(old << up, operand << up) >> up;
        }
    }

    static final class SignedMin extends ReadModifyWrite {
        SignedMin(int bytes, int s, int t, int n) {
            super(bytes, s, t, n);
        }

        @Override
        long combine(long old, long operand) {
            return Math.min(old << up, operand << up) >> up;
        }
    }

    static final class UnsignedMax extends ReadModifyWrite {
        UnsignedMax(int bytes, int s, int t, int n) {
            super(bytes, s, t, n);
        }

        @Override
        long combine(long old, long operand) {
            return Long.compareUnsigned(old, operand & mask) >= 0 ? old : operand;
        }
    }

    static final class UnsignedMin extends ReadModifyWrite {
        UnsignedMin(int bytes, int s, int t, int n) {
            super(bytes, s, t, n);
        }

        @Override
        long combine(long old, long operand) {
            return Long.compareUnsigned(old, operand & mask) <= 0 ? old : operand;
        }
    }

    static final class Swap extends ReadModifyWrite {
        Swap(int bytes, int s, int t, int n) {
            super(bytes, s, t, n);
        }

        @Override
        long combine(long old, long operand) {
            return operand;
        }
    }
}
