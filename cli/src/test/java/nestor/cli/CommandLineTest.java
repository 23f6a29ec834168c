package nestor.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import nestor.host.kvm.KvmSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class CommandLineTest {
    @TempDir private Path folder;

    @ParameterizedTest
    @ValueSource(strings = {"--help", "-h", "-help"})
    void helpTeachesByExampleAndListsTheExitCodes(String option) {
        Typed typed = Typed.nestor(option);

        assertThat(typed.exitCode()).isZero();
        assertThat(typed.err()).isEmpty();
        assertThat(typed.out()).contains("Examples:", "nestor test", "128+n", "70");
    }

    @ParameterizedTest
    @ValueSource(strings = {"--version", "-V", "-version"})
    void theVersionIsOneLine(String option) {
        Typed typed = Typed.nestor(option);

        assertThat(typed.exitCode()).isZero();
        assertThat(typed.out()).startsWith("nestor ").hasLineCount(1);
    }

    @Test
    void withoutACommandTheUseIsWrong() {
        Typed typed = Typed.nestor();

        assertThat(typed.exitCode()).isEqualTo(ExitCode.USAGE);
        assertThat(typed.err()).hasLineCount(1);
    }

    @ParameterizedTest
    @ValueSource(strings = {"run", "test"})
    void helpNamesEveryPreset(String command) {
        String help = Typed.nestor(command, "--help").out();
        String preset = help.substring(help.indexOf("--preset=NAME"));

        assertThat(
                        List.of(
                                preset.substring(0, preset.indexOf("--kernel-release"))
                                        .split("[\\s,.]+")))
                .containsAll(Preset.names())
                .contains("vtd-dsa", "none");
    }

    @Test
    void deviceHelpListsWhatThereIs() {
        assertThat(Typed.nestor("-device", "help").out()).contains("virtio-iommu-pci", "edu");
        assertThat(Typed.nestor("run", "-device", "virtio-blk-pci,help").out())
                .contains("drive=<str>", "iommu_platform=<on/off>");
        assertThat(Typed.nestor("-cpu", "help").out()).contains("max");
        assertThat(Typed.nestor("-M", "help").exitCode()).isZero();
    }

    @Test
    void optionsOverrideTheFileAndAnIdReplacesAnElement() throws IOException {
        Path lab = folder.resolve("lab.yaml");
        Files.writeString(
                lab,
                """
                memory: 1G
                append: quiet
                devices:
                  - {driver: edu, id: e}
                """);

        Typed typed =
                Typed.nestor(
                        "config",
                        "dump",
                        "-c",
                        lab.toString(),
                        "-m",
                        "2G",
                        "-device",
                        "edu,id=e,addr=5",
                        "-device",
                        "virtio-rng-pci");

        assertThat(typed.out())
                .isEqualTo(
                        """
                        memory: 2G
                        append: quiet
                        devices:
                          - driver: edu
                            id: e
                            addr: 5
                          - driver: virtio-rng-pci
                        """);
    }

    @Test
    void theLastOfAnOptionCounts() {
        assertThat(Typed.nestor("config", "dump", "-m", "1G", "-m", "2G").out())
                .isEqualTo("memory: 2G\n");
    }

    @Test
    void aStockKernelOnARestrictedKvmIsRefusedInOneLineThatSaysWhatToDo() {
        KvmSupport found = KvmSupport.ofThisHost();
        assumeTrue(found.kind() == KvmSupport.Kind.RESTRICTED, found.text());

        for (String command : List.of("run -M q35 -accel kvm", "test --preset vtd -accel kvm")) {
            Typed typed = Typed.nestor(command.split(" ", -1));

            assertThat(typed.exitCode()).isEqualTo(ExitCode.USAGE);
            assertThat(typed.err().lines())
                    .filteredOn(line -> !line.contains("--seed"))
                    .singleElement()
                    .asString()
                    .startsWith("nestor: -accel kvm: restricted KVM: ")
                    .endsWith("; use -accel tcg");
        }
    }

    @Test
    void doctorSaysWhichKindOfKvmThereIs() {
        assertThat(Typed.nestor("doctor").out().lines())
                .anySatisfy(
                        line -> assertThat(line).contains("kvm", KvmSupport.ofThisHost().text()));
    }

    @Test
    void doctorSaysWhetherNestorCanRun() {
        Typed typed = Typed.nestor("doctor");

        assertThat(typed.out())
                .contains(
                        "java",
                        "memory",
                        "/dev/shm",
                        "cache",
                        "iommufd",
                        "vfio",
                        "qemu",
                        "Nestor can");
    }

    @Test
    void theCompletionScriptIsBash() {
        assertThat(Typed.nestor("completion").out()).contains("complete -F", "--preset", "vtd-dsa");
    }
}
