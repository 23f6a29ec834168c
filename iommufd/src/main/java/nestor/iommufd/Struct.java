package nestor.iommufd;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** A structure in memory, by offset; little-endian, and unaligned fields are fine. */
public record Struct(MemorySegment bytes) {
    private static final ValueLayout.OfShort HALF =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt WORD =
            ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong DOUBLEWORD =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    public byte octet(long offset) {
        return bytes.get(ValueLayout.JAVA_BYTE, offset);
    }

    public int half(long offset) {
        return Short.toUnsignedInt(bytes.get(HALF, offset));
    }

    public int word(long offset) {
        return bytes.get(WORD, offset);
    }

    public long doubleword(long offset) {
        return bytes.get(DOUBLEWORD, offset);
    }

    public Struct octet(long offset, int value) {
        bytes.set(ValueLayout.JAVA_BYTE, offset, (byte) value);
        return this;
    }

    public Struct half(long offset, int value) {
        bytes.set(HALF, offset, (short) value);
        return this;
    }

    public Struct word(long offset, int value) {
        bytes.set(WORD, offset, value);
        return this;
    }

    public Struct doubleword(long offset, long value) {
        bytes.set(DOUBLEWORD, offset, value);
        return this;
    }

    /** Whether {@code sizeBytes} from {@code offset} on are all zero. */
    public boolean isZero(long offset, long sizeBytes) {
        for (long i = 0; i < sizeBytes; i++) {
            if (octet(offset + i) != 0) {
                return false;
            }
        }
        return true;
    }
}
