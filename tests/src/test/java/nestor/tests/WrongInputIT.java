package nestor.tests;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import nestor.tests.NestorProcess.Result;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a user gets wrong ends in exactly one line that names it, and the documented exit code. */
class WrongInputIT {
    private static final Duration LIMIT = Duration.ofMinutes(2);
    private static final int USAGE = 2;

    /** A file that passes for a kernel as far as the loader looks: header only, no instructions. */
    private static byte[] emptyImage() {
        byte[] image = new byte[0x1000];
        image[0x12] = 0x20; // image_size, little-endian at 0x10: 2 MiB
        image[0x18] = 0xa; // flags: 4 KiB pages, anywhere
        byte[] magic = {'A', 'R', 'M', 0x64};
        System.arraycopy(magic, 0, image, 0x38, magic.length);
        return image;
    }

    @TempDir Path folder;

    @Test
    void aMissingKernelFile() {
        expectUsageError("nowhere/Image", "run", "-kernel", "nowhere/Image");
    }

    @Test
    void aPictureAsKernel() throws IOException {
        Path picture = folder.resolve("photo.jpg");
        Files.write(
                picture, new byte[] {(byte) 0xff, (byte) 0xd8, (byte) 0xff, (byte) 0xe0, 0, 16});

        expectUsageError("photo.jpg", "run", "-kernel", picture.toString());
    }

    @Test
    void aTruncatedInitrd() throws IOException {
        Path initrd = folder.resolve("initrd.cpio");
        Files.writeString(initrd, "070701000000010000");

        expectUsageError("initrd.cpio", "run", "-kernel", kernel(), "-initrd", initrd.toString());
    }

    @Test
    void anUnknownDeviceNamesWhatIsLike() throws IOException {
        expectUsageError("virtio-blk-pic", "run", "-kernel", kernel(), "-device", "virtio-blk-pic");
    }

    @Test
    void anUnknownProperty() throws IOException {
        expectUsageError("colour", "run", "-kernel", kernel(), "-device", "edu,colour=red");
    }

    @Test
    void tooLittleMemory() throws IOException {
        expectUsageError("-m", "run", "-kernel", kernel(), "-m", "1");
    }

    @Test
    void anAbsentDisk() throws IOException {
        expectUsageError(
                "nowhere.img",
                "run",
                "-kernel",
                kernel(),
                "-drive",
                "file=nowhere.img,format=raw,if=none,id=d0",
                "-device",
                "virtio-blk-pci,drive=d0");
    }

    @Test
    void anUnknownOption() {
        expectUsageError("--bogus", "run", "--bogus");
    }

    @Test
    void noNetworkForTheFirstFetch() {
        // apt obeys the proxy variable; nothing listens on the discard port of this host.
        Map<String, String> environment =
                Map.of(
                        "XDG_CACHE_HOME", folder.resolve("cache").toString(),
                        "http_proxy", "http://127.0.0.1:9",
                        "https_proxy", "http://127.0.0.1:9");

        Result result = NestorProcess.run(LIMIT, environment, "images", "fetch");

        assertThat(result.exitCode()).isEqualTo(1);
        assertThat(result.errorLines().getLast()).contains("--kernel");
    }

    private String kernel() throws IOException {
        Path file = folder.resolve("Image");
        Files.write(file, emptyImage());
        return file.toString();
    }

    private void expectUsageError(String named, String... arguments) {
        List<String> command = new ArrayList<>(List.of(arguments));

        Result result = NestorProcess.run(LIMIT, command.toArray(String[]::new));

        assertThat(result.exitCode()).describedAs(result.stderr()).isEqualTo(USAGE);
        assertThat(result.errorLines()).hasSize(1);
        assertThat(result.errorLines().getFirst()).contains(named);
        assertThat(result.stdout()).isEmpty();
    }
}
