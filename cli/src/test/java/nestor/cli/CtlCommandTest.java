package nestor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A machine without a CPU, and commands for it from outside. */
final class CtlCommandTest {
    @TempDir private Path folder;

    private Thread machine;
    private Path socket;

    @BeforeEach
    void aMachineRuns() {
        socket = folder.resolve("qmp");
        List<String> command =
                List.of(
                        "run",
                        "-M",
                        "q35",
                        "-accel",
                        "qtest",
                        "-qtest",
                        "unix:" + folder.resolve("qtest") + ",server=on,wait=off",
                        "-qmp",
                        "unix:" + socket + ",server=on,wait=off");
        machine = new Thread(() -> Typed.nestor(command.toArray(String[]::new)), "machine");
        machine.start();
        while (!Files.exists(socket) && machine.isAlive()) {
            Thread.onSpinWait();
        }
    }

    @AfterEach
    void itEnds() throws InterruptedException {
        ctl("quit");
        machine.join();
    }

    private Typed ctl(String... command) {
        List<String> all = new ArrayList<>(List.of("ctl", "--socket", socket.toString()));
        all.addAll(List.of(command));
        return Typed.nestor(all.toArray(String[]::new));
    }

    @Test
    void aViewIsPrintedAsTheMachineHasIt() {
        assertThat(ctl("--json", "info", "status").out())
                .startsWith("{")
                .contains("\"running\"")
                .doesNotContain("\"return\"");
        assertThat(ctl("--json", "info", "pci").out()).startsWith("[");
    }

    @Test
    void topicsWithArgumentsAreJsonToo() {
        Typed none = ctl("--json", "info", "pgtable", "00:00.0", "0x1000", "0x2000");
        assertThat(none.exitCode()).isEqualTo(ExitCode.FAILED);
        assertThat(none.err()).contains("no IOMMU is in front of 00:00.0");
        assertThat(ctl("--json", "info", "pasid").out()).startsWith("[");
        assertThat(ctl("info", "pasid").out()).contains("no function is behind an IOMMU");
    }

    @Test
    void whatOnlyTheMonitorHasIsTextInAnObject() {
        for (String command : List.of("info registers", "info trace-events", "help", "stop")) {
            Typed typed = ctl(("--json " + command).split(" ", -1));

            assertThat(typed.err()).describedAs(command).isEmpty();
            assertThat(typed.exitCode()).isZero();
            assertThat(typed.out())
                    .describedAs(command)
                    .startsWith("{")
                    .contains("\"return\" : \"");
        }
    }

    @Test
    void whatIsRefusedIsOneLine() {
        for (String command :
                List.of(
                        "info weather",
                        "xp /1wx nowhere",
                        "info pgtable",
                        "info pasid 1 2 3",
                        "frobnicate")) {
            Typed typed = ctl(("--json " + command).split(" ", -1));

            assertThat(typed.exitCode()).isEqualTo(ExitCode.FAILED);
            assertThat(typed.out()).isEmpty();
            assertThat(typed.err()).hasLineCount(1);
        }
    }
}
