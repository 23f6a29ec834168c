package nestor.virtio.iommu;

import static nestor.vmm.register.BitField.bit;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import nestor.vmm.register.BitField;

/** The device-readable part of a request, decoded once (§5.13.6). */
sealed interface Request {
    int ATTACH = 1;
    int DETACH = 2;
    int MAP = 3;
    int UNMAP = 4;
    int PROBE = 5;

    /** Bytes of the longest request, and of the head. */
    int MAX_BYTES = 72;

    int HEAD_BYTES = 4;

    /** §5.13.6.3. */
    record Attach(int domain, int endpoint, int flags, int reserved) implements Request {
        static final BitField BYPASS = bit(0);
        static final int BYTES = 20;
    }

    /** §5.13.6.4. */
    record Detach(int domain, int endpoint) implements Request {
        static final int BYTES = 20;
    }

    /** §5.13.6.5. {@code virtLast} is inclusive. */
    record Map(int domain, long virtFirst, long virtLast, long phys, int flags) implements Request {
        static final BitField READ = bit(0);
        static final BitField WRITE = bit(1);
        static final BitField MMIO = bit(2);
        static final int BYTES = 36;
    }

    /** §5.13.6.6. {@code virtLast} is inclusive. */
    record Unmap(int domain, long virtFirst, long virtLast, int reserved) implements Request {
        static final int BYTES = 28;
    }

    /** §5.13.6.7. */
    record Probe(int endpoint) implements Request {
        static final int BYTES = 72;
    }

    /** A known type in too few bytes. */
    record Truncated(int type) implements Request {}

    /** A type this device does not know. */
    record Unknown(int type) implements Request {}

    /**
     * Decodes the first {@code sizeBytes} of {@code bytes}, at least {@link #HEAD_BYTES}. Total:
     * every content is a request; what lies behind a request's own bytes is ignored.
     */
    static Request decode(MemorySegment bytes, int sizeBytes) {
        int type = Byte.toUnsignedInt(bytes.get(ValueLayout.JAVA_BYTE, 0));
        int needed =
                switch (type) {
                    case ATTACH -> Attach.BYTES;
                    case DETACH -> Detach.BYTES;
                    case MAP -> Map.BYTES;
                    case UNMAP -> Unmap.BYTES;
                    case PROBE -> Probe.BYTES;
                    default -> HEAD_BYTES;
                };
        if (sizeBytes < needed) {
            return new Truncated(type);
        }
        return switch (type) {
            case ATTACH ->
                    new Attach(word(bytes, 4), word(bytes, 8), word(bytes, 12), word(bytes, 16));
            case DETACH -> new Detach(word(bytes, 4), word(bytes, 8));
            case MAP ->
                    new Map(
                            word(bytes, 4),
                            quad(bytes, 8),
                            quad(bytes, 16),
                            quad(bytes, 24),
                            word(bytes, 32));
            case UNMAP ->
                    new Unmap(word(bytes, 4), quad(bytes, 8), quad(bytes, 16), word(bytes, 24));
            case PROBE -> new Probe(word(bytes, 4));
            default -> new Unknown(type);
        };
    }

    private static int word(MemorySegment bytes, long offset) {
        return bytes.get(ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN), offset);
    }

    private static long quad(MemorySegment bytes, long offset) {
        return bytes.get(
                ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN), offset);
    }
}
