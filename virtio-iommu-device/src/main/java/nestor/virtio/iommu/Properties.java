package nestor.virtio.iommu;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;

/** The property list that PROBE returns (§5.13.6.8), encoded once. */
final class Properties {
    /** With the 4-byte header. */
    static final int RESV_MEM_BYTES = 24;

    private static final short RESV_MEM = 1;
    private static final int HEADER_BYTES = 4;

    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final MemorySegment bytes;

    Properties(List<ReservedRegion> reserved) {
        bytes = MemorySegment.ofArray(new byte[reserved.size() * RESV_MEM_BYTES]);
        long at = 0;
        for (ReservedRegion region : reserved) {
            bytes.set(SHORT, at, RESV_MEM);
            bytes.set(SHORT, at + 2, (short) (RESV_MEM_BYTES - HEADER_BYTES));
            bytes.set(ValueLayout.JAVA_BYTE, at + 4, region.subtype().value());
            bytes.set(LONG, at + 8, region.range().first());
            bytes.set(LONG, at + 16, region.range().last());
            at += RESV_MEM_BYTES;
        }
    }

    long sizeBytes() {
        return bytes.byteSize();
    }

    void copyTo(MemorySegment dst) {
        MemorySegment.copy(bytes, 0, dst, 0, bytes.byteSize());
    }
}
