package nestor.endpoints;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RawFileTest {
    @TempDir Path folder;

    private static void assertRefused(Path file, DiskImageException.Reason reason) {
        assertThatExceptionOfType(DiskImageException.class)
                .isThrownBy(() -> RawFile.open(file))
                .satisfies(wrong -> assertThat(wrong.reason()).isEqualTo(reason))
                .withMessageContaining(file.toString())
                .withMessageNotContaining("\n");
    }

    @Test
    void aMissingFileIsNamed() {
        assertRefused(folder.resolve("none.img"), DiskImageException.Reason.MISSING);
    }

    @Test
    void aFolderIsNoDisk() {
        assertRefused(folder, DiskImageException.Reason.NOT_A_FILE);
    }

    @Test
    void aDiskIsWholeSectors() throws IOException {
        assertRefused(
                Files.write(folder.resolve("a.img"), new byte[513]),
                DiskImageException.Reason.BAD_SIZE);
        assertRefused(
                Files.write(folder.resolve("b.img"), new byte[0]),
                DiskImageException.Reason.BAD_SIZE);
    }

    @Test
    void permissionsAreChecked() throws IOException {
        Path file = Files.write(folder.resolve("a.img"), new byte[512]);
        assumeThat(file.toFile().setWritable(false)).isTrue();
        assumeThat(Files.isWritable(file)).describedAs("root may write anything").isFalse();
        assertRefused(file, DiskImageException.Reason.UNWRITABLE);
        try (RawFile disk = RawFile.openReadOnly(file)) {
            assertThat(disk.isReadOnly()).isTrue();
        }
    }
}
