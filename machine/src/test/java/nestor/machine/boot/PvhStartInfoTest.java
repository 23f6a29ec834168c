package nestor.machine.boot;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class PvhStartInfoTest {
    private static final int GPA = 0xf_8000;

    @Test
    @DisplayName("Xen x86/HVM direct boot ABI: hvm_start_info, version 1, byte by byte")
    void pointsToWhatIsBehindIt() {
        byte[] bytes =
                new PvhStartInfo(
                                "console=ttyS0",
                                0x700_0000,
                                0x1234,
                                0xe_0000,
                                List.of(
                                        new PvhStartInfo.Range(0, 0xa_0000, PvhStartInfo.RAM),
                                        new PvhStartInfo.Range(
                                                0xb000_0000L, 1 << 28, PvhStartInfo.RESERVED)))
                        .at(GPA);
        ByteBuffer info = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        assertThat(info.getInt(0)).isEqualTo(0x336ec578);
        assertThat(info.getInt(4)).isEqualTo(1);
        assertThat(info.getInt(12)).isEqualTo(1);
        int module = (int) info.getLong(16) - GPA;
        assertThat(info.getLong(module)).isEqualTo(0x700_0000);
        assertThat(info.getLong(module + 8)).isEqualTo(0x1234);
        assertThat(info.getLong(module + 16)).isZero();
        int command = (int) info.getLong(24) - GPA;
        assertThat(new String(bytes, command, bytes.length - command, StandardCharsets.US_ASCII))
                .isEqualTo("console=ttyS0\0");
        assertThat(info.getLong(32)).isEqualTo(0xe_0000);
        int map = (int) info.getLong(40) - GPA;
        assertThat(info.getInt(48)).isEqualTo(2);
        assertThat(info.getLong(map + 24)).isEqualTo(0xb000_0000L);
        assertThat(info.getLong(map + 32)).isEqualTo(1 << 28);
        assertThat(info.getInt(map + 40)).isEqualTo(2);
    }

    @Test
    void withoutAnInitialRamDiskThereIsNoModule() {
        ByteBuffer info =
                ByteBuffer.wrap(new PvhStartInfo("", 0, 0, 0, List.of()).at(GPA))
                        .order(ByteOrder.LITTLE_ENDIAN);
        assertThat(info.getInt(12)).isZero();
        assertThat(info.getLong(16)).isZero();
    }
}
