package nestor.tests;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import nestor.tests.NestorProcess.Result;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The cheapest defects of the catalogue; the others are run by hand. */
class CatalogueIT {
    @ParameterizedTest
    @ValueSource(strings = {"idxd-remove", "atc-lost-in-group"})
    void aPublishedDefectIsFoundInTheKernelThatHasItAndOnlyThere(String id) {
        Result result = NestorProcess.run(Duration.ofMinutes(15), "test", "--catalogue", id);

        assertThat(result.exitCode()).describedAs(result.stdout() + result.stderr()).isEqualTo(0);
        assertThat(result.stdout())
                .contains("# defect=present", "ok 1 affected", "# defect=absent", "ok 2 fixed")
                .doesNotContain("not ok", "# SKIP");
    }
}
