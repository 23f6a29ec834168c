package nestor.tests;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import nestor.tests.NestorProcess.Result;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** A stock kernel does not notice what hardware is allowed to do. */
class ChaosIT {
    @Test
    @DisplayName("slow, reordering device TLBs, torn fetches, greedy caches: every check passes")
    void aStockKernelSurvivesSeveralKeysAtOnce() {
        Result result =
                NestorProcess.run(
                        Duration.ofMinutes(12),
                        "test",
                        "--preset",
                        "smmuv3",
                        "--run",
                        "ats",
                        "--chaos",
                        "devtlb=slow+devtlb=reorder+fetch=torn+cache=greedy+evtq=full,seed=1");

        assertThat(result.exitCode()).describedAs(result.stdout() + result.stderr()).isEqualTo(0);
        assertThat(result.stdout()).contains(" ats-enabled").doesNotContain("not ok");
        assertThat(result.stderr())
                .contains("chaos=fetch=torn+cache=greedy+evtq=full,chaos-seed=1")
                .containsPattern("smmuv3: chaos struck: fetch=torn \\d+, cache=greedy \\d+")
                .containsPattern("chaos struck: devtlb=slow \\d+, devtlb=reorder \\d+");
    }
}
