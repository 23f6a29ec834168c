package nestor.cpu.arm64;

import static nestor.cpu.arm64.Encoding.WORD;
import static nestor.cpu.arm64.Encoding.bit;
import static nestor.cpu.arm64.Encoding.bits;
import static nestor.cpu.arm64.Encoding.destination;
import static nestor.cpu.arm64.Encoding.source;

/**
 * Data-processing (2 source) (§C4.1.94): division, variable shifts, and FEAT_CRC32. Memory tagging
 * and pointer authentication are not implemented.
 */
final class TwoSource {
    private TwoSource() {}

    /** UDIV, SDIV, LSLV, LSRV, ASRV, RORV, CRC32*, CRC32C*. */
    static Op decode(int instruction) {
        if (bit(instruction, 29)) {
            return Undefined.OP;
        }
        int d = destination(instruction, 0);
        int n = source(instruction, 5);
        int m = source(instruction, 16);
        boolean wide = bit(instruction, 31);
        return switch (bits(instruction, 15, 10)) {
            case 0b000010 -> wide ? new DivideUnsigned64(d, n, m) : new DivideUnsigned32(d, n, m);
            case 0b000011 -> wide ? new DivideSigned64(d, n, m) : new DivideSigned32(d, n, m);
            case 0b001000 -> wide ? new ShiftLeft64(d, n, m) : new ShiftLeft32(d, n, m);
            case 0b001001 -> wide ? new ShiftRight64(d, n, m) : new ShiftRight32(d, n, m);
            case 0b001010 -> wide ? new ShiftArithmetic64(d, n, m) : new ShiftArithmetic32(d, n, m);
            case 0b001011 -> wide ? new RotateRight64(d, n, m) : new RotateRight32(d, n, m);
            case 0b010000, 0b010001, 0b010010, 0b010011 ->
                    crc(instruction, new Crc32(d, n, m, bits(instruction, 11, 10), Crc32.IEEE));
            case 0b010100, 0b010101, 0b010110, 0b010111 ->
                    crc(
                            instruction,
                            new Crc32(d, n, m, bits(instruction, 11, 10), Crc32.CASTAGNOLI));
            default -> Undefined.OP;
        };
    }

    /** Only the doubleword form has sf set. */
    private static Op crc(int instruction, Crc32 op) {
        return bit(instruction, 31) == (bits(instruction, 11, 10) == 3) ? op : Undefined.OP;
    }

    static final class DivideUnsigned64 extends Op {
        private final int d;
        private final int n;
        private final int m;

        DivideUnsigned64(int d, int n, int m) {
            this.d = d;
            this.n = n;
            this.m = m;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long by = cpu.x[m];
            cpu.x[d] = by == 0 ? 0 : Long.divideUnsigned(cpu.x[n], by);
        }
    }

    static final class DivideUnsigned32 extends Op {
        private final int d;
        private final int n;
        private final int m;

        DivideUnsigned32(int d, int n, int m) {
            this.d = d;
            this.n = n;
            this.m = m;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long by = cpu.x[m] & WORD;
            cpu.x[d] = by == 0 ? 0 : (cpu.x[n] & WORD) / by;
        }
    }

    static final class DivideSigned64 extends Op {
        private final int d;
        private final int n;
        private final int m;

        DivideSigned64(int d, int n, int m) {
            this.d = d;
            this.n = n;
            this.m = m;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long by = cpu.x[m];
            cpu.x[d] = by == 0 ? 0 : cpu.x[n] / by;
        }
    }

    static final class DivideSigned32 extends Op {
        private final int d;
        private final int n;
        private final int m;

        DivideSigned32(int d, int n, int m) {
            this.d = d;
            this.n = n;
            this.m = m;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            int by = (int) cpu.x[m];
            cpu.x[d] = by == 0 ? 0 : (int) cpu.x[n] / by & WORD;
        }
    }

    static final class ShiftLeft64 extends Op {
        private final int d;
        private final int n;
        private final int m;

        ShiftLeft64(int d, int n, int m) {
            this.d = d;
            this.n = n;
            this.m = m;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[d] = cpu.x[n] << cpu.x[m];
        }
    }

    static final class ShiftLeft32 extends Op {
        private final int d;
        private final int n;
        private final int m;

        ShiftLeft32(int d, int n, int m) {
            this.d = d;
            this.n = n;
            this.m = m;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[d] = (int) cpu.x[n] << cpu.x[m] & WORD;
        }
    }

    static final class ShiftRight64 extends Op {
        private final int d;
        private final int n;
        private final int m;

        ShiftRight64(int d, int n, int m) {
            this.d = d;
            this.n = n;
            this.m = m;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[d] = cpu.x[n] >>> cpu.x[m];
        }
    }

    static final class ShiftRight32 extends Op {
        private final int d;
        private final int n;
        private final int m;

        ShiftRight32(int d, int n, int m) {
            this.d = d;
            this.n = n;
            this.m = m;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[d] = (int) cpu.x[n] >>> cpu.x[m] & WORD;
        }
    }

    static final class ShiftArithmetic64 extends Op {
        private final int d;
        private final int n;
        private final int m;

        ShiftArithmetic64(int d, int n, int m) {
            this.d = d;
            this.n = n;
            this.m = m;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[d] = cpu.x[n] >> cpu.x[m];
        }
    }

    static final class ShiftArithmetic32 extends Op {
        private final int d;
        private final int n;
        private final int m;

        ShiftArithmetic32(int d, int n, int m) {
            this.d = d;
            this.n = n;
            this.m = m;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[d] = (int) cpu.x[n] >> cpu.x[m] & WORD;
        }
    }

    static final class RotateRight64 extends Op {
        private final int d;
        private final int n;
        private final int m;

        RotateRight64(int d, int n, int m) {
            this.d = d;
            this.n = n;
            this.m = m;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[d] = Long.rotateRight(cpu.x[n], (int) cpu.x[m]);
        }
    }

    static final class RotateRight32 extends Op {
        private final int d;
        private final int n;
        private final int m;

        RotateRight32(int d, int n, int m) {
            this.d = d;
            this.n = n;
            this.m = m;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[d] = Integer.rotateRight((int) cpu.x[n], (int) cpu.x[m]) & WORD;
        }
    }

    /** CRC32B/H/W/X and CRC32CB/H/W/X: bit-reflected, neither end inverted. */
    static final class Crc32 extends Op {
        static final int[] IEEE = table(0xedb8_8320);
        static final int[] CASTAGNOLI = table(0x82f6_3b78);

        private final int d;
        private final int n;
        private final int m;
        private final int bytes;
        private final int[] table;

        Crc32(int d, int n, int m, int sizeLog2, int[] table) {
            this.d = d;
            this.n = n;
            this.m = m;
            this.bytes = 1 << sizeLog2;
            this.table = table;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            int crc = (int) cpu.x[n];
            long data = cpu.x[m];
            for (int i = 0; i < bytes; i++) {
                crc = crc >>> 8 ^ table[(crc ^ (int) data) & 0xff];
                data >>>= 8;
            }
            cpu.x[d] = crc & WORD;
        }

        private static int[] table(int polynomial) {
            int[] table = new int[256];
            for (int i = 0; i < 256; i++) {
                int crc = i;
                for (int bit = 0; bit < 8; bit++) {
                    crc = crc >>> 1 ^ -(crc & 1) & polynomial;
                }
                table[i] = crc;
            }
            return table;
        }
    }
}
