package nestor.tests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.time.Duration;
import nestor.tests.NestorProcess.Result;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Nestor inside Nestor: the host suite on the iommufd of a Linux in our virtual machine. */
class HostSuiteIT {
    private static boolean isWanted() {
        return Boolean.getBoolean("nestor.lab")
                || NestorProcess.run(Duration.ofMinutes(1), "images", "list")
                        .stdout()
                        .lines()
                        .anyMatch(line -> line.matches("kernels\t.*-lab-arm64-.*"));
    }

    @Test
    @DisplayName("linux/iommufd.h: the kernel does what the simulation does")
    void theKernelDoesWhatTheSimulationDoes() {
        assumeTrue(
                isWanted(),
                "the lab kernel is not built: nestor images build lab-arm64, or -Dnestor.lab=true");

        Result result = NestorProcess.run(Duration.ofMinutes(60), "test", "--suite", "host");

        assertThat(result.exitCode()).describedAs(result.stdout() + result.stderr()).isEqualTo(0);
        assertThat(result.stdout())
                .contains(
                        " protocol/aNullPointerIsAFault[IOAS_ALLOC]",
                        " assigned/dmaByPasidGoesThroughTheGuestsTables",
                        " assigned/whatIsForwardedIsInvalidatedAndWhatIsNotStays",
                        " assigned/aFaultIsAnEventWithTheGuestsStreamAndAddress",
                        "ok 2 the kernel had nothing to complain about")
                .doesNotContain("not ok");
    }

    @Test
    void itBringsAGuestOfItsOwn() {
        Result result =
                NestorProcess.run(
                        Duration.ofMinutes(1), "test", "--suite", "host", "--preset", "smmuv3");
        assertThat(result.exitCode()).isEqualTo(2);
        assertThat(result.errorLines())
                .singleElement()
                .asString()
                .contains("--suite host brings a guest");
    }
}
