package nestor.tests;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import nestor.tests.NestorProcess.Result;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/**
 * Debian's newest kernel, with a module of ours built for it: a process shares its memory with
 * functions behind VT-d.
 */
class VtdSvaIT {
    @Test
    @DisplayName("VT-d §7.4: page faults of functions are page requests of processes")
    void everySharedMemoryCheckPasses() {
        Result result = NestorProcess.run(Duration.ofMinutes(12), "test", "--preset", "vtd-sva");

        assertThat(result.exitCode()).describedAs(result.stdout() + result.stderr()).isEqualTo(0);
        assertThat(result.stdout())
                .contains(
                        " vtd-probed",
                        " sva-write-untouched",
                        " sva-kill-under-dma",
                        " sva-engine-fault-address",
                        " kernel-warnings")
                .doesNotContain("not ok", "# SKIP");
    }
}
