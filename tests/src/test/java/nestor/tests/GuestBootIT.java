package nestor.tests;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import nestor.tests.NestorProcess.Result;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Stock Debian kernels boot, and every guest-side and host-side check passes. */
class GuestBootIT {
    @ParameterizedTest(name = "--preset {0} --kernel-release {1}")
    @CsvSource({
        "smmuv3, stable",
        "virtio-iommu, stable",
        "virtio-iommu, backports",
        "none, stable"
    })
    void everyCheckPasses(String preset, String release) {
        Result result =
                NestorProcess.run(
                        Duration.ofMinutes(8),
                        "test",
                        "--preset",
                        preset,
                        "--kernel-release",
                        release);

        assertThat(result.exitCode()).describedAs(result.stdout() + result.stderr()).isEqualTo(0);
        assertThat(result.stdout()).contains("KTAP version 1").doesNotContain("not ok");
    }
}
