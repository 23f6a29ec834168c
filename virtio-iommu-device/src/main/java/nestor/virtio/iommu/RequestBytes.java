package nestor.virtio.iommu;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** The bytes of a request or a report: little-endian, at any offset, numbers unsigned. */
record RequestBytes(MemorySegment bytes) {
    private static final ValueLayout.OfShort HALF =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt WORD =
            ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong QUAD =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    int byteAt(long offset) {
        return Byte.toUnsignedInt(bytes.get(ValueLayout.JAVA_BYTE, offset));
    }

    int half(long offset) {
        return Short.toUnsignedInt(bytes.get(HALF, offset));
    }

    int word(long offset) {
        return bytes.get(WORD, offset);
    }

    long quad(long offset) {
        return bytes.get(QUAD, offset);
    }

    /** Whether a byte of {@code [from, to)} is set. */
    boolean anySet(long from, long to) {
        for (long offset = from; offset < to; offset++) {
            if (byteAt(offset) != 0) {
                return true;
            }
        }
        return false;
    }

    RequestBytes putByte(long offset, int value) {
        bytes.set(ValueLayout.JAVA_BYTE, offset, (byte) value);
        return this;
    }

    RequestBytes putHalf(long offset, int value) {
        bytes.set(HALF, offset, (short) value);
        return this;
    }

    RequestBytes putWord(long offset, int value) {
        bytes.set(WORD, offset, value);
        return this;
    }

    RequestBytes putQuad(long offset, long value) {
        bytes.set(QUAD, offset, value);
        return this;
    }
}
