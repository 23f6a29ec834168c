package nestor.virtio.iommu;

import java.lang.foreign.MemorySegment;
import java.util.List;

/** A property list that PROBE returns (§5.13.6.8), encoded once. */
final class Properties {
    /** With the 4-byte header. */
    static final int RESV_MEM_BYTES = 24;

    private static final int RESV_MEM = 1;
    private static final int HEADER_BYTES = 4;

    private final byte[] list = new byte[VirtioIommuConfig.PROBE_BYTES];
    private final RequestBytes bytes = new RequestBytes(MemorySegment.ofArray(list));
    private int sizeBytes;

    Properties(List<ReservedRegion> reserved) {
        for (ReservedRegion region : reserved) {
            int at = add(RESV_MEM, RESV_MEM_BYTES);
            bytes.putByte(at + 4, region.subtype().value())
                    .putQuad(at + 8, region.range().first())
                    .putQuad(at + 16, region.range().last());
        }
    }

    /**
     * Appends a property of {@code withHeaderBytes}, all zero but for its header.
     *
     * @return where it begins
     */
    int add(int type, int withHeaderBytes) {
        int at = sizeBytes;
        sizeBytes += withHeaderBytes;
        bytes.putHalf(at, type).putHalf(at + 2, withHeaderBytes - HEADER_BYTES);
        return at;
    }

    RequestBytes bytes() {
        return bytes;
    }

    long sizeBytes() {
        return sizeBytes;
    }

    void copyTo(MemorySegment dst) {
        MemorySegment.copy(bytes.bytes(), 0, dst, 0, sizeBytes);
    }
}
