package nestor.tests;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import nestor.tests.NestorProcess.Result;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Stock Debian kernels for amd64 boot behind VT-d, and every check passes. */
class VtdGuestIT {
    private static final Duration LIMIT = Duration.ofMinutes(20);

    @ParameterizedTest(name = "nestor test --preset vtd {0}")
    @ValueSource(
            strings = {
                "--run legacy --run scalable --run hotplug --run viot",
                "--run backports",
                "--run reboot -append nestor.reboots=2"
            })
    void everyCheckPasses(String options) {
        List<String> command = new ArrayList<>(List.of("test", "--preset", "vtd"));
        command.addAll(Arrays.asList(options.split(" ")));

        Result result = NestorProcess.run(LIMIT, command.toArray(String[]::new));

        assertThat(result.exitCode()).describedAs(result.stdout() + result.stderr()).isEqualTo(0);
        assertThat(result.stdout()).contains("KTAP version 1").doesNotContain("not ok");
        assertThat(result.stdout().lines().filter(line -> line.matches("ok \\d+ .*")))
                .as("one result line for each run")
                .hasSize((int) command.stream().filter("--run"::equals).count());
    }
}
