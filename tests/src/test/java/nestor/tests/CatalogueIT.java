package nestor.tests;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import nestor.tests.NestorProcess.Result;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** The cheapest defect of the catalogue; the others are run by hand. */
class CatalogueIT {
    @Test
    @DisplayName("CVE-2025-39871: present in Linux 6.16.3, absent from 6.16.12")
    void aPublishedDefectIsFoundInTheKernelThatHasItAndOnlyThere() {
        Result result =
                NestorProcess.run(Duration.ofMinutes(15), "test", "--catalogue", "idxd-remove");

        assertThat(result.exitCode()).describedAs(result.stdout() + result.stderr()).isEqualTo(0);
        assertThat(result.stdout())
                .contains("# defect=present", "ok 1 affected", "# defect=absent", "ok 2 fixed")
                .doesNotContain("not ok", "# SKIP");
    }
}
