package nestor.cpu.arm64;

import static nestor.cpu.arm64.Encoding.bit;
import static nestor.cpu.arm64.Encoding.bits;
import static nestor.cpu.arm64.Encoding.destination;
import static nestor.cpu.arm64.Encoding.registerOrSp;
import static nestor.cpu.arm64.Encoding.source;

/**
 * Load/store exclusive and ordered, compare and swap (§C4.1.88). Acquire and release are always
 * given. LDLAR and STLLR are FEAT_LOR: not implemented.
 */
final class OrderedAccess {
    private OrderedAccess() {}

    static Op decode(int instruction) {
        boolean load = bit(instruction, 22);
        return switch (bits(instruction, 23, 23) << 1 | bits(instruction, 21, 21)) {
            case 0b00 -> exclusive(instruction, load);
            case 0b01 ->
                    bit(instruction, 31)
                            ? exclusivePair(instruction, load)
                            : compareAndSwapPair(instruction);
            case 0b10 -> ordered(instruction, load);
            default -> compareAndSwap(instruction);
        };
    }

    /** LDXR, LDAXR, STXR, STLXR. */
    private static Op exclusive(int instruction, boolean load) {
        int bytes = 1 << bits(instruction, 31, 30);
        int n = registerOrSp(instruction, 5);
        return load
                ? new LoadExclusive(bytes, destination(instruction, 0), n)
                : new StoreExclusive(
                        bytes, destination(instruction, 16), source(instruction, 0), n);
    }

    /** LDXP, LDAXP, STXP, STLXP. */
    private static Op exclusivePair(int instruction, boolean load) {
        int bytes = bit(instruction, 30) ? 8 : 4;
        int n = registerOrSp(instruction, 5);
        if (load) {
            int t = destination(instruction, 0);
            return new LoadExclusivePair(bytes, t, destination(instruction, 10), n);
        }
        int s = destination(instruction, 16);
        return new StoreExclusivePair(bytes, s, source(instruction, 0), source(instruction, 10), n);
    }

    /** LDAR, STLR. */
    private static Op ordered(int instruction, boolean load) {
        if (!bit(instruction, 15)) {
            return Undefined.OP;
        }
        int bytes = 1 << bits(instruction, 31, 30);
        int n = registerOrSp(instruction, 5);
        return load
                ? new LoadAcquire(bytes, destination(instruction, 0), n)
                : new StoreRelease(bytes, source(instruction, 0), n);
    }

    /** CAS and its acquire, release, byte and halfword forms. */
    private static Op compareAndSwap(int instruction) {
        if (bits(instruction, 14, 10) != 0b11111) {
            return Undefined.OP;
        }
        int bytes = 1 << bits(instruction, 31, 30);
        int n = registerOrSp(instruction, 5);
        int s = source(instruction, 16);
        return new CompareAndSwap(
                bytes, s, destination(instruction, 16), source(instruction, 0), n);
    }

    /**
     * CASP and its acquire and release forms, of two even registers and the odd ones after them.
     */
    private static Op compareAndSwapPair(int instruction) {
        if (bits(instruction, 14, 10) != 0b11111 || bit(instruction, 16) || bit(instruction, 0)) {
            return Undefined.OP;
        }
        int bytes = bit(instruction, 30) ? 8 : 4;
        int s = source(instruction, 16);
        int highOld = s == 30 ? Arm64Cpu.SINK : s + 1;
        return new CompareAndSwapPair(
                bytes, s, highOld, source(instruction, 0), registerOrSp(instruction, 5));
    }

    static final class LoadExclusive extends Op {
        private final int bytes;
        private final int t;
        private final int n;

        LoadExclusive(int bytes, int t, int n) {
            this.bytes = bytes;
            this.t = t;
            this.n = n;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[t] = cpu.loadExclusive(cpu.x[n], bytes);
        }
    }

    static final class StoreExclusive extends Op {
        private final int bytes;
        private final int s;
        private final int t;
        private final int n;

        StoreExclusive(int bytes, int s, int t, int n) {
            this.bytes = bytes;
            this.s = s;
            this.t = t;
            this.n = n;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[s] = cpu.storeExclusive(cpu.x[n], bytes, cpu.x[t]) ? 0 : 1;
        }
    }

    static final class LoadExclusivePair extends Op {
        private final int bytes;
        private final int t;
        private final int u;
        private final int n;

        LoadExclusivePair(int bytes, int t, int u, int n) {
            this.bytes = bytes;
            this.t = t;
            this.u = u;
            this.n = n;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.loadExclusivePair(cpu.x[n], bytes);
            cpu.x[t] = cpu.exclusiveLow;
            cpu.x[u] = cpu.exclusiveHigh;
        }
    }

    static final class StoreExclusivePair extends Op {
        private final int bytes;
        private final int s;
        private final int t;
        private final int u;
        private final int n;

        StoreExclusivePair(int bytes, int s, int t, int u, int n) {
            this.bytes = bytes;
            this.s = s;
            this.t = t;
            this.u = u;
            this.n = n;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            boolean stored = cpu.storeExclusivePair(cpu.x[n], bytes, cpu.x[t], cpu.x[u]);
            cpu.x[s] = stored ? 0 : 1;
        }
    }

    static final class LoadAcquire extends Op {
        private final int bytes;
        private final int t;
        private final int n;

        LoadAcquire(int bytes, int t, int n) {
            this.bytes = bytes;
            this.t = t;
            this.n = n;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[t] = cpu.loadAcquire(cpu.x[n], bytes);
        }
    }

    static final class StoreRelease extends Op {
        private final int bytes;
        private final int t;
        private final int n;

        StoreRelease(int bytes, int t, int n) {
            this.bytes = bytes;
            this.t = t;
            this.n = n;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.storeRelease(cpu.x[n], bytes, cpu.x[t]);
        }
    }

    static final class CompareAndSwap extends Op {
        private final int bytes;
        private final int s;
        private final int old;
        private final int t;
        private final int n;

        CompareAndSwap(int bytes, int s, int old, int t, int n) {
            this.bytes = bytes;
            this.s = s;
            this.old = old;
            this.t = t;
            this.n = n;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[old] = cpu.compareAndSwap(cpu.x[n], bytes, cpu.x[s], cpu.x[t]);
        }
    }

    /**
     * Compares with {@code s}, {@code s + 1}; what was found goes to {@code s}, {@code highOld}.
     */
    static final class CompareAndSwapPair extends Op {
        private final int bytes;
        private final int s;
        private final int highOld;
        private final int t;
        private final int n;

        CompareAndSwapPair(int bytes, int s, int highOld, int t, int n) {
            this.bytes = bytes;
            this.s = s;
            this.highOld = highOld;
            this.t = t;
            this.n = n;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.compareAndSwapPair(cpu.x[n], bytes, cpu.x[s], cpu.x[s + 1], cpu.x[t], cpu.x[t + 1]);
            cpu.x[s] = cpu.pairLow;
            cpu.x[highOld] = cpu.pairHigh;
        }
    }
}
