package nestor.cpu.x86;

import java.util.function.LongBinaryOperator;
import org.jspecify.annotations.Nullable;

/** Integer arithmetic, comparison and logic on the elements of a quadword (1 §9.4, §11.4.2). */
final class PackedInteger {
    private static final long HIGH8 = 0x8080_8080_8080_8080L;
    private static final long HIGH16 = 0x8000_8000_8000_8000L;
    private static final long HIGH32 = 0x8000_0000_8000_0000L;

    private PackedInteger() {}

    /** What an opcode of the two-byte map does to a quadword, if it treats all of them alike. */
    static @Nullable LongBinaryOperator of(int opcode) {
        return switch (opcode) {
            case 0x64 -> (a, b) -> map(a, b, 8, (x, y) -> x > y ? -1 : 0);
            case 0x65 -> (a, b) -> map(a, b, 16, (x, y) -> x > y ? -1 : 0);
            case 0x66 -> (a, b) -> map(a, b, 32, (x, y) -> x > y ? -1 : 0);
            case 0x74 -> (a, b) -> equal(a ^ b, 7, HIGH8);
            case 0x75 -> (a, b) -> equal(a ^ b, 15, HIGH16);
            case 0x76 -> (a, b) -> equal(a ^ b, 31, HIGH32);
            case 0xd4 -> Long::sum;
            case 0xd5 -> (a, b) -> map(a, b, 16, (x, y) -> x * y);
            case 0xdb -> (a, b) -> a & b;
            case 0xdf -> (a, b) -> ~a & b;
            case 0xeb -> (a, b) -> a | b;
            case 0xef -> (a, b) -> a ^ b;
            case 0xf8 -> (a, b) -> subtract(a, b, HIGH8);
            case 0xf9 -> (a, b) -> subtract(a, b, HIGH16);
            case 0xfa -> (a, b) -> subtract(a, b, HIGH32);
            case 0xfb -> (a, b) -> a - b;
            case 0xfc -> (a, b) -> add(a, b, HIGH8);
            case 0xfd -> (a, b) -> add(a, b, HIGH16);
            case 0xfe -> (a, b) -> add(a, b, HIGH32);
            default -> opcode < 0xe0 ? unsigned(opcode) : signed(opcode);
        };
    }

    private static @Nullable LongBinaryOperator unsigned(int opcode) {
        return switch (opcode) {
            case 0xd8 -> (a, b) -> mapUnsigned(a, b, 8, (x, y) -> Math.max(x - y, 0));
            case 0xd9 -> (a, b) -> mapUnsigned(a, b, 16, (x, y) -> Math.max(x - y, 0));
            case 0xda -> (a, b) -> mapUnsigned(a, b, 8, Math::min);
            case 0xdc -> (a, b) -> mapUnsigned(a, b, 8, (x, y) -> Math.min(x + y, 0xff));
            case 0xdd -> (a, b) -> mapUnsigned(a, b, 16, (x, y) -> Math.min(x + y, 0xffff));
            case 0xde -> (a, b) -> mapUnsigned(a, b, 8, Math::max);
            default -> null;
        };
    }

    private static @Nullable LongBinaryOperator signed(int opcode) {
        return switch (opcode) {
            case 0xe0 -> (a, b) -> mapUnsigned(a, b, 8, (x, y) -> x + y + 1 >> 1);
            case 0xe3 -> (a, b) -> mapUnsigned(a, b, 16, (x, y) -> x + y + 1 >> 1);
            case 0xe4 -> (a, b) -> mapUnsigned(a, b, 16, (x, y) -> x * y >> 16);
            case 0xe5 -> (a, b) -> map(a, b, 16, (x, y) -> x * y >> 16);
            case 0xe8 -> (a, b) -> map(a, b, 8, (x, y) -> saturate(x - y, 8));
            case 0xe9 -> (a, b) -> map(a, b, 16, (x, y) -> saturate(x - y, 16));
            case 0xea -> (a, b) -> map(a, b, 16, Math::min);
            case 0xec -> (a, b) -> map(a, b, 8, (x, y) -> saturate(x + y, 8));
            case 0xed -> (a, b) -> map(a, b, 16, (x, y) -> saturate(x + y, 16));
            case 0xee -> (a, b) -> map(a, b, 16, Math::max);
            case 0xf4 -> (a, b) -> (a & 0xffff_ffffL) * (b & 0xffff_ffffL);
            case 0xf5 -> PackedInteger::multiplyAndAdd;
            case 0xf6 -> PackedInteger::sumOfDifferences;
            default -> null;
        };
    }

    /** Element by element, sign-extended. */
    private static long map(long a, long b, int bits, LongBinaryOperator f) {
        long result = 0;
        long mask = -1L >>> 64 - bits;
        for (int at = 0; at < 64; at += bits) {
            long x = a << 64 - bits - at >> 64 - bits;
            long y = b << 64 - bits - at >> 64 - bits;
            result |= (f.applyAsLong(x, y) & mask) << at;
        }
        return result;
    }

    /** Element by element, zero-extended. */
    private static long mapUnsigned(long a, long b, int bits, LongBinaryOperator f) {
        long result = 0;
        long mask = -1L >>> 64 - bits;
        for (int at = 0; at < 64; at += bits) {
            result |= (f.applyAsLong(a >>> at & mask, b >>> at & mask) & mask) << at;
        }
        return result;
    }

    /** The nearest signed number of so many bits. */
    static long saturate(long value, int bits) {
        long max = (1L << bits - 1) - 1;
        return Math.max(-max - 1, Math.min(max, value));
    }

    /** The nearest unsigned number of so many bits. */
    static long saturateUnsigned(long value, int bits) {
        return Math.max(0, Math.min((1L << bits) - 1, value));
    }

    /** Without carries between elements, whose highest bits are {@code high}. */
    private static long add(long a, long b, long high) {
        return (a & ~high) + (b & ~high) ^ (a ^ b) & high;
    }

    private static long subtract(long a, long b, long high) {
        return (a | high) - (b & ~high) ^ (a ^ ~b) & high;
    }

    /** Ones in each element of {@code x} that is zero. */
    private static long equal(long x, int shift, long high) {
        long zero = ~((x & ~high) + ~high | x | ~high);
        return (zero << 1) - (zero >>> shift);
    }

    private static long multiplyAndAdd(long a, long b) {
        long low = (long) (short) a * (short) b + (long) (short) (a >> 16) * (short) (b >> 16);
        long high =
                (long) (short) (a >> 32) * (short) (b >> 32)
                        + (long) (short) (a >> 48) * (short) (b >> 48);
        return low & 0xffff_ffffL | high << 32;
    }

    private static long sumOfDifferences(long a, long b) {
        long sum = 0;
        for (int at = 0; at < 64; at += 8) {
            sum += Math.abs((a >>> at & 0xff) - (b >>> at & 0xff));
        }
        return sum;
    }

    /** The sign bits of the eight bytes. */
    static int signs(long value) {
        return (int) ((value >>> 7 & 0x0101_0101_0101_0101L) * 0x0102_0408_1020_4080L >>> 56);
    }

    /**
     * Shifts elements; by their size or more leaves nothing but copies of the sign.
     *
     * @param group 2, 4 or 6 to the right, arithmetically, or to the left, as in opcode 71 /n
     */
    static long shift(long value, int bits, int group, long count) {
        boolean beyond = Long.compareUnsigned(count, bits) >= 0;
        if (beyond && group != 4) {
            return 0;
        }
        int by = beyond ? bits - 1 : (int) count;
        return switch (group) {
            case 2 -> mapUnsigned(value, 0, bits, (x, _) -> x >>> by);
            case 4 -> map(value, 0, bits, (x, _) -> x >> by);
            default -> mapUnsigned(value, 0, bits, (x, _) -> x << by);
        };
    }
}
