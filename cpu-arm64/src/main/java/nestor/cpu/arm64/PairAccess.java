package nestor.cpu.arm64;

import static nestor.cpu.arm64.Encoding.bit;
import static nestor.cpu.arm64.Encoding.bits;
import static nestor.cpu.arm64.Encoding.destination;
import static nestor.cpu.arm64.Encoding.registerOrSp;
import static nestor.cpu.arm64.Encoding.signed;
import static nestor.cpu.arm64.Encoding.source;

/**
 * Load/store pair of general registers (§C4.1.88). CONSTRAINED UNPREDICTABLE cases: a base among
 * the registers keeps the written-back address; the same register twice keeps the first element.
 */
final class PairAccess {
    private static final int NO_ALLOCATE = 0b00;
    private static final int POST_INDEX = 0b01;
    private static final int OFFSET = 0b10;

    private PairAccess() {}

    /** LDP, STP, LDPSW, LDNP, STNP. */
    static Op decode(int instruction) {
        int mode = bits(instruction, 24, 23);
        boolean load = bit(instruction, 22);
        int opc = bits(instruction, 31, 30);
        boolean undefined = opc == 0b11 || opc == 0b01 && (!load || mode == NO_ALLOCATE);
        if (undefined) {
            return Undefined.OP;
        }
        int t = load ? destination(instruction, 0) : source(instruction, 0);
        int u = load ? destination(instruction, 10) : source(instruction, 10);
        int n = registerOrSp(instruction, 5);
        long immediate = signed(instruction, 21, 15) << (opc == 0b10 ? 3 : 2);
        int operation = opc << 1 | (load ? 1 : 0);
        if (mode == NO_ALLOCATE || mode == OFFSET) {
            return atOffset(operation, t, u, n, immediate);
        }
        boolean post = mode == POST_INDEX;
        return indexed(operation, t, u, n, post ? 0 : immediate, post ? immediate : 0);
    }

    private static Op atOffset(int operation, int t, int u, int n, long offset) {
        return switch (operation) {
            case 0b00_0 -> new Store32(t, u, n, offset);
            case 0b00_1 -> new Load32(t, u, n, offset);
            case 0b01_1 -> new LoadSigned32(t, u, n, offset);
            case 0b10_0 -> new Store64(t, u, n, offset);
            default -> new Load64(t, u, n, offset);
        };
    }

    /** {@code step}: what the base moves on from the accessed address. */
    private static Op indexed(int operation, int t, int u, int n, long offset, long step) {
        return switch (operation) {
            case 0b00_0 -> new StoreIndexed32(t, u, n, offset, step);
            case 0b00_1 -> new LoadIndexed32(t, u, n, offset, step);
            case 0b01_1 -> new LoadSignedIndexed32(t, u, n, offset, step);
            case 0b10_0 -> new StoreIndexed64(t, u, n, offset, step);
            default -> new LoadIndexed64(t, u, n, offset, step);
        };
    }

    /** Registers {@code t}, {@code u} at {@code [n, #offset]}. */
    abstract static class Pair extends Op {
        final int t;
        final int u;
        final int n;
        final long offset;

        Pair(int t, int u, int n, long offset) {
            this.t = t;
            this.u = u;
            this.n = n;
            this.offset = offset;
        }
    }

    static final class Load64 extends Pair {
        Load64(int t, int u, int n, long offset) {
            super(t, u, n, offset);
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long va = cpu.x[n] + offset;
            long first = cpu.load64(va);
            cpu.x[u] = cpu.load64(va + 8);
            cpu.x[t] = first;
        }
    }

    static final class Load32 extends Pair {
        Load32(int t, int u, int n, long offset) {
            super(t, u, n, offset);
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long va = cpu.x[n] + offset;
            long first = cpu.load32(va);
            cpu.x[u] = cpu.load32(va + 4);
            cpu.x[t] = first;
        }
    }

    static final class LoadSigned32 extends Pair {
        LoadSigned32(int t, int u, int n, long offset) {
            super(t, u, n, offset);
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long va = cpu.x[n] + offset;
            long first = (int) cpu.load32(va);
            cpu.x[u] = (int) cpu.load32(va + 4);
            cpu.x[t] = first;
        }
    }

    static final class Store64 extends Pair {
        Store64(int t, int u, int n, long offset) {
            super(t, u, n, offset);
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long va = cpu.x[n] + offset;
            cpu.store64(va, cpu.x[t]);
            cpu.store64(va + 8, cpu.x[u]);
        }
    }

    static final class Store32 extends Pair {
        Store32(int t, int u, int n, long offset) {
            super(t, u, n, offset);
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long va = cpu.x[n] + offset;
            cpu.store32(va, cpu.x[t]);
            cpu.store32(va + 4, cpu.x[u]);
        }
    }

    static final class LoadIndexed64 extends Pair {
        private final long step;

        LoadIndexed64(int t, int u, int n, long offset, long step) {
            super(t, u, n, offset);
            this.step = step;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long va = cpu.x[n] + offset;
            long first = cpu.load64(va);
            cpu.x[u] = cpu.load64(va + 8);
            cpu.x[t] = first;
            cpu.x[n] = va + step;
        }
    }

    static final class LoadIndexed32 extends Pair {
        private final long step;

        LoadIndexed32(int t, int u, int n, long offset, long step) {
            super(t, u, n, offset);
            this.step = step;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long va = cpu.x[n] + offset;
            long first = cpu.load32(va);
            cpu.x[u] = cpu.load32(va + 4);
            cpu.x[t] = first;
            cpu.x[n] = va + step;
        }
    }

    static final class LoadSignedIndexed32 extends Pair {
        private final long step;

        LoadSignedIndexed32(int t, int u, int n, long offset, long step) {
            super(t, u, n, offset);
            this.step = step;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long va = cpu.x[n] + offset;
            long first = (int) cpu.load32(va);
            cpu.x[u] = (int) cpu.load32(va + 4);
            cpu.x[t] = first;
            cpu.x[n] = va + step;
        }
    }

    static final class StoreIndexed64 extends Pair {
        private final long step;

        StoreIndexed64(int t, int u, int n, long offset, long step) {
            super(t, u, n, offset);
            this.step = step;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long va = cpu.x[n] + offset;
            cpu.store64(va, cpu.x[t]);
            cpu.store64(va + 8, cpu.x[u]);
            cpu.x[n] = va + step;
        }
    }

    static final class StoreIndexed32 extends Pair {
        private final long step;

        StoreIndexed32(int t, int u, int n, long offset, long step) {
            super(t, u, n, offset);
            this.step = step;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long va = cpu.x[n] + offset;
            cpu.store32(va, cpu.x[t]);
            cpu.store32(va + 4, cpu.x[u]);
            cpu.x[n] = va + step;
        }
    }
}
