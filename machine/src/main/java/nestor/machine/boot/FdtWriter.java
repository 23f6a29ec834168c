package nestor.machine.boot;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Writes a flattened device tree (Devicetree Specification 0.4, chapter 5): nodes are begun and
 * ended, properties belong to the innermost open node and come before its children.
 */
public final class FdtWriter {
    private static final int MAGIC = 0xd00dfeed;
    private static final int VERSION = 17;
    private static final int LAST_COMPATIBLE_VERSION = 16;
    private static final int HEADER_BYTES = 40;

    /** The memory reservation block holds its terminator only (§5.3). */
    private static final int RESERVATION_BYTES = 16;

    private static final int BEGIN_NODE = 1;
    private static final int END_NODE = 2;
    private static final int PROP = 3;
    private static final int END = 9;

    private final ByteArrayOutputStream structure = new ByteArrayOutputStream();
    private final ByteArrayOutputStream strings = new ByteArrayOutputStream();
    private final Map<String, Integer> stringOffsets = new LinkedHashMap<>();
    private int depth;

    /** Begins the root node. */
    public FdtWriter() {
        begin("");
    }

    /** Begins a child of the open node. */
    public FdtWriter begin(String name) {
        cell(BEGIN_NODE);
        bytes(text(name));
        depth++;
        return this;
    }

    /** Ends the open node. */
    public FdtWriter end() {
        cell(END_NODE);
        depth--;
        return this;
    }

    /** A property without a value. */
    public FdtWriter flag(String name) {
        return property(name, new byte[0]);
    }

    /** A property of 32-bit cells. */
    public FdtWriter cells(String name, int... cells) {
        ByteBuffer value = ByteBuffer.allocate(Integer.BYTES * cells.length);
        for (int cell : cells) {
            value.putInt(cell);
        }
        return property(name, value.array());
    }

    /** A property of 64-bit numbers, two cells each: addresses and sizes. */
    public FdtWriter longs(String name, long... numbers) {
        ByteBuffer value = ByteBuffer.allocate(Long.BYTES * numbers.length);
        for (long number : numbers) {
            value.putLong(number);
        }
        return property(name, value.array());
    }

    /** A property of one or more strings. */
    public FdtWriter strings(String name, String... values) {
        ByteArrayOutputStream value = new ByteArrayOutputStream();
        for (String each : values) {
            value.writeBytes(text(each));
        }
        return property(name, value.toByteArray());
    }

    /** A property of any bytes. */
    public FdtWriter property(String name, byte[] value) {
        cell(PROP);
        cell(value.length);
        cell(stringOffsets.computeIfAbsent(name, this::addString));
        bytes(value);
        return this;
    }

    /** Ends the root node and returns the blob. */
    public byte[] finish() {
        end();
        if (depth != 0) {
            throw new IllegalStateException(depth + " nodes still open");
        }
        cell(END);
        int structOffset = HEADER_BYTES + RESERVATION_BYTES;
        int stringsOffset = structOffset + structure.size();
        int total = stringsOffset + strings.size();
        ByteBuffer blob = ByteBuffer.allocate(total);
        blob.putInt(MAGIC).putInt(total).putInt(structOffset).putInt(stringsOffset);
        blob.putInt(HEADER_BYTES).putInt(VERSION).putInt(LAST_COMPATIBLE_VERSION);
        blob.putInt(0).putInt(strings.size()).putInt(structure.size());
        blob.position(structOffset);
        blob.put(structure.toByteArray()).put(strings.toByteArray());
        return blob.array();
    }

    private int addString(String name) {
        int offset = strings.size();
        strings.writeBytes(text(name));
        return offset;
    }

    private static byte[] text(String value) {
        return (value + "\0").getBytes(StandardCharsets.UTF_8);
    }

    private void cell(int value) {
        structure.writeBytes(ByteBuffer.allocate(Integer.BYTES).putInt(value).array());
    }

    /** Bytes, padded to the next cell. */
    private void bytes(byte[] value) {
        structure.writeBytes(value);
        structure.writeBytes(new byte[-value.length & (Integer.BYTES - 1)]);
    }
}
