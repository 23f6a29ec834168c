package nestor.endpoints;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** The header of a virtio-blk request, decoded once (§5.2.6). */
sealed interface BlockRequest {
    int HEADER_BYTES = 16;

    record In(long sector) implements BlockRequest {}

    record Out(long sector) implements BlockRequest {}

    record Flush() implements BlockRequest {}

    record GetId() implements BlockRequest {}

    record Discard() implements BlockRequest {}

    record WriteZeroes() implements BlockRequest {}

    record Unknown(int type) implements BlockRequest {}

    /** Decodes {@link #HEADER_BYTES}. Total. */
    static BlockRequest decode(MemorySegment header) {
        int type = header.get(ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN), 0);
        long sector =
                header.get(ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN), 8);
        return switch (type) {
            case 0 -> new In(sector);
            case 1 -> new Out(sector);
            case 4 -> new Flush();
            case 8 -> new GetId();
            case 11 -> new Discard();
            case 13 -> new WriteZeroes();
            default -> new Unknown(type);
        };
    }
}
