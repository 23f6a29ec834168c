package nestor.machine.boot;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.zip.GZIPOutputStream;

/** Makes the smallest files that can be booted, and damages. */
final class BootFiles {
    private BootFiles() {}

    /** An Image with a PE header of one section that ends at {@code fileBytes}. */
    static byte[] image(int fileBytes, long imageBytes) {
        ByteBuffer image = ByteBuffer.allocate(fileBytes).order(ByteOrder.LITTLE_ENDIAN);
        image.putShort(0, (short) 0x5a4d);
        image.putLong(16, imageBytes).putLong(24, 0xa).putInt(56, 0x644d5241).putInt(60, 64);
        image.putInt(64, 0x4550).putShort(70, (short) 1).putShort(84, (short) 0);
        int section = 64 + 24;
        image.putInt(section + 16, fileBytes - 256).putInt(section + 20, 256);
        image.put(fileBytes - 1, (byte) 0x5a);
        return image.array();
    }

    static byte[] gzip(byte[] plain) throws IOException {
        ByteArrayOutputStream packed = new ByteArrayOutputStream();
        try (GZIPOutputStream out = new GZIPOutputStream(packed)) {
            out.write(plain);
        }
        return packed.toByteArray();
    }

    static byte[] cpio() {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        entry(out, "init", "#!/bin/sh\necho hello\n".getBytes(StandardCharsets.US_ASCII));
        entry(out, "TRAILER!!!", new byte[0]);
        return out.toByteArray();
    }

    private static void entry(ByteArrayOutputStream out, String name, byte[] data) {
        String header =
                "070701"
                        + "00000000".repeat(6)
                        + "%08x".formatted(data.length)
                        + "00000000".repeat(4)
                        + "%08x".formatted(name.length() + 1)
                        + "00000000";
        out.writeBytes((header + name + "\0").getBytes(StandardCharsets.US_ASCII));
        out.writeBytes(new byte[-out.size() & 3]);
        out.writeBytes(data);
        out.writeBytes(new byte[-out.size() & 3]);
    }
}
