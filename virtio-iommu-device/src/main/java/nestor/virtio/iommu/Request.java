package nestor.virtio.iommu;

import static nestor.vmm.register.BitField.bit;

import java.lang.foreign.MemorySegment;
import nestor.vmm.register.BitField;

/** The device-readable part of a request, decoded once (§5.13.6). */
sealed interface Request
        permits TableRequest,
                Request.Attach,
                Request.Detach,
                Request.Map,
                Request.Unmap,
                Request.Probe,
                Request.Truncated,
                Request.Unknown {
    int ATTACH = 1;
    int DETACH = 2;
    int MAP = 3;
    int UNMAP = 4;
    int PROBE = 5;

    /** Bytes of the longest request, and of the head. */
    int MAX_BYTES = 124;

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
    static Request decode(TableProfile profile, MemorySegment bytes, int sizeBytes) {
        var request = new RequestBytes(bytes);
        int type = request.byteAt(0);
        int needed = needed(profile, type);
        if (needed < 0) {
            return new Unknown(type);
        }
        return sizeBytes < needed ? new Truncated(type) : decode(profile, type, request);
    }

    /** Bytes of a request; -1 if the profile has none of this type. */
    private static int needed(TableProfile profile, int type) {
        return switch (type) {
            case ATTACH -> Attach.BYTES;
            case DETACH -> Detach.BYTES;
            case MAP -> Map.BYTES;
            case UNMAP -> Unmap.BYTES;
            case PROBE -> Probe.BYTES;
            case TableRequest.ATTACH_TABLE ->
                    profile.hasTables() ? profile.layout().attachBytes() : -1;
            case TableRequest.INVALIDATE -> profile.hasTables() ? TableLayout.INVALIDATE_BYTES : -1;
            case TableRequest.PAGE_RESPONSE ->
                    switch (profile) {
                        case RFC2021 -> TableLayout.RESPONSE_2021_BYTES;
                        case NESTOR -> TableLayout.RESPONSE_BYTES;
                        case NONE, RFC2023, HW -> -1;
                    };
            default -> -1;
        };
    }

    private static Request decode(TableProfile profile, int type, RequestBytes bytes) {
        return switch (type) {
            case ATTACH -> new Attach(bytes.word(4), bytes.word(8), bytes.word(12), bytes.word(16));
            case DETACH -> new Detach(bytes.word(4), bytes.word(8));
            case MAP ->
                    new Map(
                            bytes.word(4),
                            bytes.quad(8),
                            bytes.quad(16),
                            bytes.quad(24),
                            bytes.word(32));
            case UNMAP -> new Unmap(bytes.word(4), bytes.quad(8), bytes.quad(16), bytes.word(24));
            case PROBE -> new Probe(bytes.word(4));
            case TableRequest.ATTACH_TABLE -> profile.layout().attach(bytes);
            case TableRequest.INVALIDATE -> profile.layout().invalidate(bytes);
            case TableRequest.PAGE_RESPONSE ->
                    profile == TableProfile.RFC2021
                            ? TableLayout.response2021(bytes)
                            : TableLayout.response(bytes);
            default -> new Unknown(type);
        };
    }
}
