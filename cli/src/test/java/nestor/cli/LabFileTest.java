package nestor.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class LabFileTest {
    private static final String LAB =
            """
            machine: virt,iommu=none
            memory: 1G
            kernel: Image
            append: console=ttyAMA0 quiet
            drives:
              - {file: a,b.img, id: d0, if: none, readonly: true}
            devices:
              - driver: virtio-blk-pci
                drive: d0
                iommu_platform: on
            """;

    @TempDir private Path folder;

    @Test
    void aFileReadsLikeTheOptionsAndItsPathsStartFromItsFolder() throws Exception {
        Settings settings = read("lab.yaml", LAB.replace("a,b.img", "'a,b.img'"));

        assertThat(settings.text(Setting.MEMORY, "")).isEqualTo("1G");
        assertThat(settings.text(Setting.KERNEL, "")).isEqualTo(folder.resolve("Image").toString());
        assertThat(settings.drives().getFirst().properties())
                .containsEntry("file", folder.resolve("a,b.img").toString())
                .containsEntry("readonly", "on");
        assertThat(settings.devices().getFirst().head()).isEqualTo("virtio-blk-pci");
    }

    @Test
    void whatIsDumpedReadsBackTheSame() throws Exception {
        Settings settings = read("lab.yaml", LAB.replace("a,b.img", "'a,b.img'"));
        String dump = LabFile.write(settings);

        assertThat(LabFile.write(read("again.yaml", dump))).isEqualTo(dump);
    }

    @Test
    void jsonHasTheSameSchema() throws Exception {
        Settings settings =
                read(
                        "lab.json",
                        "{\"memory\": 512, \"noReboot\": true, \"devices\": [{\"driver\": \"edu\"}]}");

        assertThat(settings.text(Setting.MEMORY, "")).isEqualTo("512");
        assertThat(settings.text(Setting.NO_REBOOT, "")).isEqualTo("on");
        assertThat(settings.devices()).hasSize(1);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "memroy: 1G | $.memroy: unknown key; known: preset,",
                "memory: [1] | $.memory: must be a string, a number, true or false",
                "devices: edu | $.devices: must be a list",
                "devices: [edu] | $.devices[0]: must be an object",
                "devices: [{driver: edu}, {id: x}] | $.devices[1]: 'driver' is missing",
                "drives: [{file: {a: 1}}] | $.drives[0].file: must be a string",
                "[] | $: must be an object",
                "{memory: 1, memory: 2} | : line ",
                "'{' | : line 1, column ",
                "a: b: c | : line 1, column ",
            })
    void whatIsWrongIsNamedByItsPath(String text, String message) {
        assertThatExceptionOfType(CommandException.class)
                .isThrownBy(() -> read("lab.yaml", text))
                .satisfies(e -> {
                    assertThat(e.exitCode()).isEqualTo(ExitCode.USAGE);
                    assertThat(e.getMessage())
                            .startsWith("--config " + folder.resolve("lab.yaml"))
                            .contains(message)
                            .hasLineCount(1);
                });
    }

    @Test
    void aMissingFileIsNamed() {
        Path missing = folder.resolve("none.yaml");

        assertThatExceptionOfType(CommandException.class)
                .isThrownBy(() -> LabFile.read(missing))
                .withMessage("--config " + missing + ": no such file or directory");
    }

    private Settings read(String name, String text) throws IOException, CommandException {
        Path file = folder.resolve(name);
        Files.writeString(file, text);
        return LabFile.read(file);
    }
}
