package nestor.cpu.arm64;

import static nestor.cpu.arm64.Encoding.WORD;
import static nestor.cpu.arm64.Encoding.bits;
import static nestor.cpu.arm64.Encoding.destination;
import static nestor.cpu.arm64.Encoding.source;

/** Data-processing (3 source) (§C4.1.94): multiplication. */
final class ThreeSource {
    private ThreeSource() {}

    /** MADD, MSUB, SMADDL, SMSUBL, SMULH, UMADDL, UMSUBL, UMULH. */
    static Op decode(int instruction) {
        if (bits(instruction, 30, 29) != 0) {
            return Undefined.OP;
        }
        int d = destination(instruction, 0);
        int n = source(instruction, 5);
        int m = source(instruction, 16);
        int a = source(instruction, 10);
        return switch (bits(instruction, 31, 31) << 4
                | bits(instruction, 23, 21) << 1
                | bits(instruction, 15, 15)) {
            case 0b0_000_0 -> new MultiplyAdd32(d, n, m, a);
            case 0b0_000_1 -> new MultiplySubtract(d, n, m, a, WORD);
            case 0b1_000_0 -> new MultiplyAdd64(d, n, m, a);
            case 0b1_000_1 -> new MultiplySubtract(d, n, m, a, -1);
            case 0b1_001_0 -> new MultiplyAddSignedLong(d, n, m, a);
            case 0b1_001_1 -> new MultiplySubtractSignedLong(d, n, m, a);
            case 0b1_010_0 -> new MultiplyHighSigned(d, n, m);
            case 0b1_101_0 -> new MultiplyAddUnsignedLong(d, n, m, a);
            case 0b1_101_1 -> new MultiplySubtractUnsignedLong(d, n, m, a);
            case 0b1_110_0 -> new MultiplyHighUnsigned(d, n, m);
            default -> Undefined.OP;
        };
    }

    static final class MultiplyAdd64 extends Op {
        private final int d;
        private final int n;
        private final int m;
        private final int a;

        MultiplyAdd64(int d, int n, int m, int a) {
            this.d = d;
            this.n = n;
            this.m = m;
            this.a = a;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[d] = cpu.x[a] + cpu.x[n] * cpu.x[m];
        }
    }

    static final class MultiplyAdd32 extends Op {
        private final int d;
        private final int n;
        private final int m;
        private final int a;

        MultiplyAdd32(int d, int n, int m, int a) {
            this.d = d;
            this.n = n;
            this.m = m;
            this.a = a;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[d] = cpu.x[a] + cpu.x[n] * cpu.x[m] & WORD;
        }
    }

    static final class MultiplySubtract extends Op {
        private final int d;
        private final int n;
        private final int m;
        private final int a;
        private final long width;

        MultiplySubtract(int d, int n, int m, int a, long width) {
            this.d = d;
            this.n = n;
            this.m = m;
            this.a = a;
            this.width = width;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[d] = cpu.x[a] - cpu.x[n] * cpu.x[m] & width;
        }
    }

    static final class MultiplyAddSignedLong extends Op {
        private final int d;
        private final int n;
        private final int m;
        private final int a;

        MultiplyAddSignedLong(int d, int n, int m, int a) {
            this.d = d;
            this.n = n;
            this.m = m;
            this.a = a;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[d] = cpu.x[a] + (long) (int) cpu.x[n] * (int) cpu.x[m];
        }
    }

    static final class MultiplyAddUnsignedLong extends Op {
        private final int d;
        private final int n;
        private final int m;
        private final int a;

        MultiplyAddUnsignedLong(int d, int n, int m, int a) {
            this.d = d;
            this.n = n;
            this.m = m;
            this.a = a;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[d] = cpu.x[a] + (cpu.x[n] & WORD) * (cpu.x[m] & WORD);
        }
    }

    static final class MultiplySubtractSignedLong extends Op {
        private final int d;
        private final int n;
        private final int m;
        private final int a;

        MultiplySubtractSignedLong(int d, int n, int m, int a) {
            this.d = d;
            this.n = n;
            this.m = m;
            this.a = a;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[d] = cpu.x[a] - (long) (int) cpu.x[n] * (int) cpu.x[m];
        }
    }

    static final class MultiplySubtractUnsignedLong extends Op {
        private final int d;
        private final int n;
        private final int m;
        private final int a;

        MultiplySubtractUnsignedLong(int d, int n, int m, int a) {
            this.d = d;
            this.n = n;
            this.m = m;
            this.a = a;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[d] = cpu.x[a] - (cpu.x[n] & WORD) * (cpu.x[m] & WORD);
        }
    }

    static final class MultiplyHighSigned extends Op {
        private final int d;
        private final int n;
        private final int m;

        MultiplyHighSigned(int d, int n, int m) {
            this.d = d;
            this.n = n;
            this.m = m;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[d] = Math.multiplyHigh(cpu.x[n], cpu.x[m]);
        }
    }

    static final class MultiplyHighUnsigned extends Op {
        private final int d;
        private final int n;
        private final int m;

        MultiplyHighUnsigned(int d, int n, int m) {
            this.d = d;
            this.n = n;
            this.m = m;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[d] = Math.unsignedMultiplyHigh(cpu.x[n], cpu.x[m]);
        }
    }
}
