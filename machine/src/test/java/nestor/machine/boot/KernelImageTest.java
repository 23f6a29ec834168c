package nestor.machine.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.memory.GuestMemory;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class KernelImageTest {
    private static final int BYTES = 4096 + 512;

    @TempDir Path folder;

    private Path file(byte[] contents) throws IOException {
        return Files.write(folder.resolve("kernel"), contents);
    }

    @Test
    void loadsAPlainImage() throws IOException, BootFileException, GuestAccessException {
        KernelImage kernel = KernelImage.open(file(BootFiles.image(BYTES, 0x20000)));
        assertThat(kernel.imageBytes()).isEqualTo(0x20000);
        try (GuestMemory memory = GuestMemory.anonymous(0x4000_0000L, 1 << 20)) {
            kernel.load(memory, 0x4000_0000L);
            assertThat(memory.getIntLe(0x4000_0038L)).isEqualTo(0x644d5241);
            assertThat(memory.getByte(0x4000_0000L + BYTES - 1)).isEqualTo((byte) 0x5a);
        }
    }

    @Test
    void loadsAGzippedImage() throws IOException, BootFileException, GuestAccessException {
        byte[] image = BootFiles.image(BYTES, 0x20000);
        KernelImage kernel = KernelImage.open(file(BootFiles.gzip(image)));
        try (GuestMemory memory = GuestMemory.anonymous(0x4000_0000L, 1 << 20)) {
            kernel.load(memory, 0x4000_0000L);
            assertThat(memory.getByte(0x4000_0000L + BYTES - 1)).isEqualTo((byte) 0x5a);
        }
    }

    @Test
    void aJpegIsNoKernel() throws IOException {
        byte[] jpeg = new byte[8192];
        System.arraycopy(new byte[] {(byte) 0xff, (byte) 0xd8, (byte) 0xff, (byte) 0xe0}, 0, jpeg, 0, 4);
        Path file = file(jpeg);
        assertThatThrownBy(() -> KernelImage.open(file))
                .isInstanceOf(BootFileException.class)
                .hasMessage("not an arm64 Linux kernel Image");
    }

    @Test
    void anEmptyFileIsNoKernel() throws IOException {
        Path file = file(new byte[0]);
        assertThatThrownBy(() -> KernelImage.open(file)).isInstanceOf(BootFileException.class);
    }

    @Test
    @DisplayName("the PE sections of the EFI stub tell how long the file should be")
    void aTruncatedImageIsFound() throws IOException {
        Path file = file(Arrays.copyOf(BootFiles.image(BYTES, 0x20000), BYTES - 100));
        assertThatThrownBy(() -> KernelImage.open(file))
                .isInstanceOf(BootFileException.class)
                .hasMessageContaining("truncated: 4508 bytes of 4608");
    }

    @Test
    void aTruncatedGzipIsFound() throws IOException {
        byte[] packed = BootFiles.gzip(BootFiles.image(BYTES, 0x20000));
        Path file = file(Arrays.copyOf(packed, packed.length - 9));
        assertThatThrownBy(() -> KernelImage.open(file))
                .isInstanceOf(BootFileException.class)
                .hasMessageContaining("truncated");
    }

    @Test
    void aBigEndianKernelIsRefused() throws IOException {
        byte[] image = BootFiles.image(BYTES, 0x20000);
        image[24] |= 1;
        Path file = file(image);
        assertThatThrownBy(() -> KernelImage.open(file)).hasMessageContaining("big-endian");
    }

    @Test
    void impossibleSizesAreRefused() throws IOException {
        Path file = file(BootFiles.image(BYTES, -1));
        assertThatThrownBy(() -> KernelImage.open(file)).hasMessageContaining("impossible");
    }

    @Test
    @DisplayName("booting, section 4: kernel at 2 MiB + text_offset, nothing overlaps")
    void layoutKeepsEverythingApart() {
        KernelImage kernel = new KernelImage(Path.of("k"), 0x8_0000, 0x24f_0000);
        BootLayout layout = BootLayout.of(0x4000_0000L, kernel, 12345);
        assertThat(layout.kernelGpa()).isEqualTo(0x4008_0000L);
        assertThat(layout.dtbGpa()).isEqualTo(0x4260_0000L);
        assertThat(layout.initrdGpa()).isEqualTo(0x4280_0000L);
        assertThat(layout.endGpa()).isEqualTo(0x4281_0000L);
    }
}
