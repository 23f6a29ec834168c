package nestor.tests;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import nestor.tests.NestorProcess.Result;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/**
 * Debian's newest kernel drives a DSA behind VT-d by its own driver, and Debian's own tools use it.
 */
class VtdDsaIT {
    @Test
    @DisplayName("DSA §7.3, VT-d §7.4: page faults of work queues are page requests of processes")
    void everySharedMemoryCheckPasses() {
        Result result =
                NestorProcess.run(
                        Duration.ofMinutes(12), "test", "--preset", "vtd-dsa", "--run", "svm");

        assertThat(result.exitCode()).describedAs(result.stdout() + result.stderr()).isEqualTo(0);
        assertThat(result.stdout())
                .contains(
                        " idxd-probed",
                        " dsa-test",
                        " dsa-write-untouched",
                        " dsa-kill-under-dma",
                        " idxd-removed")
                .doesNotContain("not ok", "# SKIP");
    }
}
