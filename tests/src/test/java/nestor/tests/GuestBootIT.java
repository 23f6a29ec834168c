package nestor.tests;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import nestor.tests.NestorProcess.Result;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Stock Debian kernels boot, and every guest-side and host-side check passes. */
class GuestBootIT {
    private static final Duration LIMIT = Duration.ofMinutes(12);

    @ParameterizedTest(name = "nestor test {0}")
    @ValueSource(
            strings = {
                "--preset smmuv3 --run strict --run backports --run lazy --run passthrough"
                        + " --run ats --run hotplug",
                "--preset smmuv3 --run reboot -append nestor.reboots=3",
                "--preset virtio-iommu --kernel-release stable",
                "--preset virtio-iommu --kernel-release backports",
                "--preset none --kernel-release stable"
            })
    void everyCheckPasses(String options) {
        List<String> command = new ArrayList<>(List.of("test"));
        command.addAll(Arrays.asList(options.split(" ")));

        Result result = NestorProcess.run(LIMIT, command.toArray(String[]::new));

        assertThat(result.exitCode()).describedAs(result.stdout() + result.stderr()).isEqualTo(0);
        assertThat(result.stdout()).contains("KTAP version 1").doesNotContain("not ok");
        long runs = Math.max(1, command.stream().filter("--run"::equals).count());
        assertThat(result.stdout().lines().filter(line -> line.matches("ok \\d+ .*")))
                .as("one result line for each run")
                .hasSize((int) runs);
    }
}
