package nestor.trace;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/**
 * A pcapng file (draft-ietf-opsawg-pcapng) of PCIe packets for Wireshark, with an interface for
 * each function. Link type USER0; in front of each packet are 8 bytes: version 1, direction (0 from
 * the function, 1 to it), two of zero, and the packet's number, big-endian. {@code nestor.lua}
 * dissects it.
 */
public final class PcapSink implements TraceSink {
    /** The points whose records become packets. */
    public static final Set<String> POINTS =
            Set.of(
                    "dma_read",
                    "dma_write",
                    "ats_translation_request",
                    "ats_invalidate_request",
                    "ats_invalidate_completion",
                    "pri_page_request",
                    "pri_stop_marker",
                    "pri_page_response");

    private static final String DISSECTOR = "nestor.lua";

    private static final int SECTION_HEADER = 0x0a0d_0d0a;
    private static final int BYTE_ORDER_MAGIC = 0x1a2b_3c4d;
    private static final int INTERFACE_DESCRIPTION = 1;
    private static final int ENHANCED_PACKET = 6;
    private static final short LINKTYPE_USER0 = 147;

    private static final short OPTION_END = 0;
    private static final short OPTION_COMMENT = 1;
    private static final short SECTION_APPLICATION = 4;
    private static final short INTERFACE_NAME = 2;
    private static final short INTERFACE_TIME_RESOLUTION = 9;

    /** Powers of ten. */
    private static final byte NANOSECONDS = 9;

    /** Type and length before a block's body, and its length behind. */
    private static final int FRAME_BYTES = 12;

    private static final int PSEUDO_HEADER_BYTES = 8;
    private static final byte PSEUDO_HEADER_VERSION = 1;

    private final TraceOutput output;
    private final Tlps tlps = new Tlps();
    private final Map<Integer, Integer> interfaces = new LinkedHashMap<>();
    private int number;

    /** Writes to {@code output} and closes it at the end. */
    public PcapSink(TraceOutput output) {
        this.output = output;
        byte[] application = option(SECTION_APPLICATION, text("nestor"));
        byte[] section = new byte[16 + application.length + 4];
        ByteBuffer body = littleEndian(section);
        body.putInt(BYTE_ORDER_MAGIC).putShort((short) 1).putShort((short) 0).putLong(-1);
        body.put(application).putInt(OPTION_END);
        write(SECTION_HEADER, section);
    }

    /** Writes the dissector into {@code folder}. */
    public static Path dissector(Path folder) throws IOException {
        Path script = folder.resolve(DISSECTOR);
        try (InputStream resource = PcapSink.class.getResourceAsStream(DISSECTOR)) {
            if (resource == null) {
                throw new IllegalStateException("the dissector is missing");
            }
            Files.copy(resource, script, StandardCopyOption.REPLACE_EXISTING);
        }
        return script;
    }

    @Override
    public void take(TraceRecord item) {
        for (Tlps.Packet packet : tlps.of(item)) {
            packet(interfaceOf(item.rid()), packet);
        }
    }

    private static byte[] text(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static ByteBuffer littleEndian(byte[] bytes) {
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static int padded(int sizeBytes) {
        return sizeBytes + 3 & ~3;
    }

    private static byte[] option(short code, byte[] value) {
        byte[] option = new byte[4 + padded(value.length)];
        littleEndian(option).putShort(code).putShort((short) value.length).put(value);
        return option;
    }

    private void write(int type, byte[] body) {
        int length = body.length + FRAME_BYTES;
        byte[] block = new byte[length];
        littleEndian(block).putInt(type).putInt(length).put(body).putInt(length);
        output.write(block);
    }

    private int interfaceOf(int rid) {
        Integer known = interfaces.get(rid);
        if (known != null) {
            return known;
        }
        int index = interfaces.size();
        interfaces.put(rid, index);
        byte[] name =
                option(
                        INTERFACE_NAME,
                        text("%02x:%02x.%x".formatted(rid >> 8, rid >> 3 & 0x1f, rid & 7)));
        byte[] resolution = option(INTERFACE_TIME_RESOLUTION, new byte[] {NANOSECONDS});
        byte[] description = new byte[8 + name.length + resolution.length + 4];
        ByteBuffer body = littleEndian(description);
        body.putShort(LINKTYPE_USER0).putShort((short) 0).putInt(0);
        body.put(name).put(resolution).putInt(OPTION_END);
        write(INTERFACE_DESCRIPTION, description);
        return index;
    }

    private void packet(int onInterface, Tlps.Packet packet) {
        int captured = PSEUDO_HEADER_BYTES + packet.bytes().remaining();
        byte[] comment =
                packet.comment().isEmpty()
                        ? new byte[0]
                        : option(OPTION_COMMENT, text(packet.comment()));
        byte[] block = new byte[20 + padded(captured) + comment.length + 4];
        ByteBuffer body = littleEndian(block);
        body.putInt(onInterface);
        body.putInt((int) (packet.nanos() >>> 32)).putInt((int) packet.nanos());
        body.putInt(captured).putInt(captured + packet.payloadBytes());
        body.put(PSEUDO_HEADER_VERSION).put((byte) (packet.fromFunction() ? 0 : 1));
        body.putShort((short) 0);
        body.order(ByteOrder.BIG_ENDIAN).putInt(number++).order(ByteOrder.LITTLE_ENDIAN);
        body.put(packet.bytes().duplicate());
        body.position(20 + padded(captured));
        body.put(comment).putInt(OPTION_END);
        write(ENHANCED_PACKET, block);
    }

    @Override
    public void flush() {
        output.flush();
    }

    @Override
    public void close() {
        output.close("");
    }
}
