package nestor.machine.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class InitrdTest {
    @TempDir Path folder;

    private Path file(byte[] contents) throws IOException {
        return Files.write(folder.resolve("initrd"), contents);
    }

    private static byte[] join(byte[]... parts) {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        for (byte[] part : parts) {
            all.writeBytes(part);
        }
        return all.toByteArray();
    }

    @Test
    void acceptsPlainAndCompressedArchivesOneAfterTheOther() throws IOException, BootFileException {
        byte[] cpio = BootFiles.cpio();
        assertThat(Initrd.open(file(cpio)).sizeBytes()).isEqualTo(cpio.length);
        Initrd.open(file(BootFiles.gzip(cpio)));
        Initrd.open(file(join(cpio, new byte[512 - cpio.length % 512], BootFiles.gzip(cpio))));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 60, 130, 150, 200, 255})
    void aCpioCutAnywhereIsTruncated(int bytes) throws IOException {
        Path file = file(Arrays.copyOf(BootFiles.cpio(), bytes));
        assertThatThrownBy(() -> Initrd.open(file))
                .isInstanceOf(BootFileException.class)
                .hasMessageMatching("truncated.*|not an initial RAM disk.*");
    }

    @Test
    void aGzipCutIsTruncated() throws IOException {
        byte[] packed = BootFiles.gzip(BootFiles.cpio());
        for (int length : new int[] {packed.length - 1, packed.length - 9, 12}) {
            Path file = file(Arrays.copyOf(packed, length));
            assertThatThrownBy(() -> Initrd.open(file))
                    .isInstanceOf(BootFileException.class)
                    .hasMessageContaining("truncated");
        }
    }

    @Test
    void aDamagedGzipIsFoundByItsChecksum() throws IOException {
        byte[] packed = BootFiles.gzip(BootFiles.cpio());
        packed[packed.length - 6] ^= 1;
        Path file = file(packed);
        assertThatThrownBy(() -> Initrd.open(file)).hasMessageContaining("damaged gzip");
    }

    @Test
    @DisplayName("RFC 8878 §3.1.1: frames and blocks are walked to the last one")
    void zstdFramesAreWalked() throws IOException, BootFileException {
        byte[] frame = HexFormat.of().parseHex("28b52ffd" + "20" + "05" + "290000" + "68656c6c6f");
        Initrd.open(file(frame));
        Initrd.open(file(join(frame, frame)));
        Path file = file(Arrays.copyOf(frame, frame.length - 2));
        assertThatThrownBy(() -> Initrd.open(file)).hasMessageContaining("truncated");
    }

    @Test
    void anXzWithoutFooterIsTruncated() throws IOException, BootFileException {
        byte[] head = HexFormat.of().parseHex("fd377a585a000004");
        byte[] foot = HexFormat.of().parseHex("000000000000595a");
        Initrd.open(file(join(head, foot)));
        Initrd.open(file(join(head, foot, new byte[4])));
        Path file = file(join(head, new byte[] {1, 2, 3, 4}));
        assertThatThrownBy(() -> Initrd.open(file)).hasMessageContaining("truncated");
    }

    @Test
    void otherFilesAreRefused() throws IOException {
        Path text = file("hello, this is no archive".getBytes(StandardCharsets.US_ASCII));
        assertThatThrownBy(() -> Initrd.open(text)).hasMessageContaining("not an initial RAM disk");
        Path empty = file(new byte[0]);
        assertThatThrownBy(() -> Initrd.open(empty)).hasMessage("empty");
    }
}
