package nestor.machine.boot;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class PayloadTest {
    /** Of {@code zstd --ultra -22 --long=27}; a block that is compressed, and a checksum. */
    private static final String WIDE_FRAME =
            "28b52ffd04889d00004061626e6573746f72020023d086be7c93c3027f6fa62f";

    @Test
    @DisplayName("RFC 8878 §3.1.1.1.2: a window as large as Linux 7.3 has it, 128 MiB, is inflated")
    void aWideZstdWindowIsInflated() throws IOException, BootFileException {
        String plain = ("ab".repeat(50) + "nestor").repeat(40);
        byte[] frame = HexFormat.of().parseHex(WIDE_FRAME);
        byte[] payload =
                ByteBuffer.allocate(frame.length + Integer.BYTES)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .put(frame)
                        .putInt(plain.length())
                        .array();
        byte[] before = payload.clone();
        assertThat(new String(Payload.inflate(payload), StandardCharsets.US_ASCII))
                .isEqualTo(plain);
        assertThat(payload).isEqualTo(before);
    }
}
