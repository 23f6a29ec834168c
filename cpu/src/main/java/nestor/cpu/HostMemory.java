package nestor.cpu;

import java.lang.reflect.Field;
import java.nio.ByteOrder;
import sun.misc.Unsafe;

/**
 * Raw memory of the host, by absolute address: the one place that uses Unsafe. Callers have proved
 * the address, by a hit in a {@link SoftTlb} or through {@link RamMap}. Values are little-endian;
 * any alignment, except where a method says otherwise.
 *
 * <p>Memory segments would do in the interpreter, but not in the large methods of generated code
 * (their inlining exceeds the compiler's budget), and the accesses of both have to be the same.
 */
// sun.misc.Unsafe is deprecated for removal; the launcher allows its use, and this class is the
// only one to change when it goes.
@SuppressWarnings("removal")
public final class HostMemory {
    private static final Unsafe UNSAFE = unsafe();

    private HostMemory() {}

    private static Unsafe unsafe() {
        if (ByteOrder.nativeOrder() != ByteOrder.LITTLE_ENDIAN) {
            throw new IllegalStateException("the software CPU needs a little-endian host");
        }
        try {
            Field field = Unsafe.class.getDeclaredField("theUnsafe");
            field.setAccessible(true);
            return (Unsafe) field.get(null);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException("no raw memory access in this JVM", e);
        }
    }

    public static byte getByte(long address) {
        return UNSAFE.getByte(address);
    }

    public static short getShort(long address) {
        return UNSAFE.getShort(address);
    }

    public static int getInt(long address) {
        return UNSAFE.getInt(address);
    }

    public static long getLong(long address) {
        return UNSAFE.getLong(address);
    }

    public static void putByte(long address, byte value) {
        UNSAFE.putByte(address, value);
    }

    public static void putShort(long address, short value) {
        UNSAFE.putShort(address, value);
    }

    public static void putInt(long address, int value) {
        UNSAFE.putInt(address, value);
    }

    public static void putLong(long address, long value) {
        UNSAFE.putLong(address, value);
    }

    /** Reads 1, 2, 4 or 8 bytes, zero-extended. */
    public static long get(long address, int sizeBytes) {
        return switch (sizeBytes) {
            case 1 -> getByte(address) & 0xffL;
            case 2 -> getShort(address) & 0xffffL;
            case 4 -> getInt(address) & 0xffff_ffffL;
            default -> getLong(address);
        };
    }

    /** Writes the low 1, 2, 4 or 8 bytes of {@code value}. */
    public static void put(long address, int sizeBytes, long value) {
        switch (sizeBytes) {
            case 1 -> putByte(address, (byte) value);
            case 2 -> putShort(address, (short) value);
            case 4 -> putInt(address, (int) value);
            default -> putLong(address, value);
        }
    }

    /**
     * Replaces {@code expected} by {@code value}, both taken modulo the size, if it is there.
     * Atomic; naturally aligned.
     *
     * @return the value found, zero-extended
     */
    public static long compareAndExchange(
            long address, int sizeBytes, long expected, long value) {
        if (sizeBytes == 8) {
            long found;
            do {
                found = getLong(address);
            } while (found == expected && !compareAndSetLong(address, expected, value));
            return found;
        }
        long word = address & -4;
        int shift = (int) (address & 3) * 8;
        int mask = (int) (-1L >>> (64 - 8 * sizeBytes)) << shift;
        while (true) {
            int seen = getInt(word);
            int found = seen & mask;
            int next = seen & ~mask | (int) value << shift & mask;
            if (found != ((int) expected << shift & mask) || compareAndSetInt(word, seen, next)) {
                return (found >>> shift) & 0xffff_ffffL;
            }
        }
    }

    /** Atomic on a multiple of 4. */
    public static boolean compareAndSetInt(long address, int expected, int value) {
        return UNSAFE.compareAndSwapInt(null, address, expected, value);
    }

    /** Atomic on a multiple of 8. */
    public static boolean compareAndSetLong(long address, long expected, long value) {
        return UNSAFE.compareAndSwapLong(null, address, expected, value);
    }

    /** Fills {@code sizeBytes} with one byte value. */
    public static void fill(long address, long sizeBytes, byte value) {
        UNSAFE.setMemory(address, sizeBytes, value);
    }

    /** Copies {@code sizeBytes}; the ranges may overlap. */
    public static void copy(long from, long to, long sizeBytes) {
        UNSAFE.copyMemory(from, to, sizeBytes);
    }

    /** Orders loads before it with loads and stores after it. */
    public static void loadFence() {
        UNSAFE.loadFence();
    }

    /** Orders loads and stores before it with stores after it. */
    public static void storeFence() {
        UNSAFE.storeFence();
    }

    /** Orders everything before it with everything after it. */
    public static void fullFence() {
        UNSAFE.fullFence();
    }
}
