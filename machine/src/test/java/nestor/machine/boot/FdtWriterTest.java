package nestor.machine.boot;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.util.HexFormat;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class FdtWriterTest {
    @Test
    @DisplayName("§5.2-§5.4: header, reservation block, structure block, strings block")
    void writesTheFormat() {
        byte[] blob =
                new FdtWriter()
                        .cells("a", 1, -1)
                        .begin("n@1")
                        .strings("b", "x", "yz")
                        .flag("a")
                        .end()
                        .finish();
        String structure =
                "00000001 00000000"
                        + " 00000003 00000008 00000000 00000001 ffffffff"
                        + " 00000001 6e403100"
                        + " 00000003 00000005 00000002 7800797a 00000000"
                        + " 00000003 00000000 00000000"
                        + " 00000002 00000002 00000009";
        String strings = "61006200";
        byte[] body = HexFormat.of().parseHex((structure + strings).replace(" ", ""));
        ByteBuffer header = ByteBuffer.wrap(blob);
        assertThat(header.getInt(0)).isEqualTo(0xd00dfeed);
        assertThat(header.getInt(4)).isEqualTo(blob.length);
        assertThat(header.getInt(8)).isEqualTo(56);
        assertThat(header.getInt(12)).isEqualTo(56 + body.length - 4);
        assertThat(header.getInt(16)).isEqualTo(40);
        assertThat(header.getInt(20)).isEqualTo(17);
        assertThat(header.getInt(24)).isEqualTo(16);
        assertThat(header.getInt(32)).isEqualTo(4);
        assertThat(header.getInt(36)).isEqualTo(body.length - 4);
        assertThat(java.util.Arrays.copyOfRange(blob, 40, 56)).containsOnly(0);
        assertThat(java.util.Arrays.copyOfRange(blob, 56, blob.length)).isEqualTo(body);
    }
}
