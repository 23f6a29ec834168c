package nestor.machine.acpi;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;

/** Little-endian bytes, appended one after the other. */
final class Bytes {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    Bytes u8(long value) {
        return little(value, 1);
    }

    Bytes u16(long value) {
        return little(value, 2);
    }

    Bytes u32(long value) {
        return little(value, 4);
    }

    Bytes u64(long value) {
        return little(value, 8);
    }

    Bytes ascii(String text) {
        return bytes(text.getBytes(StandardCharsets.US_ASCII));
    }

    Bytes bytes(byte[] more) {
        out.writeBytes(more);
        return this;
    }

    Bytes zeros(int count) {
        return bytes(new byte[count]);
    }

    int size() {
        return out.size();
    }

    byte[] toArray() {
        return out.toByteArray();
    }

    private Bytes little(long value, int count) {
        for (int i = 0; i < count; i++) {
            out.write((int) (value >>> 8 * i));
        }
        return this;
    }
}
