package nestor.tests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.time.Duration;
import nestor.tests.NestorProcess.Result;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** The oracle on Linux: our driver of the virtio-iommu as it is, and with a bug planted in it. */
class OracleIT {
    private static final String CHECK = "sva mprotect-and-wait";

    /** The console is behind the same driver: nothing is written while the bug is there. */
    private static final String BUGGY =
            "f=/sys/module/virtio_iommu_tables/parameters/leave_out; echo 1 >$f; "
                    + CHECK
                    + " >/tmp/said; s=$?; echo 0 >$f; cat /tmp/said; exit $s";

    /** Building the kernel takes longer than all other tests together. */
    private static boolean isWanted() {
        return Boolean.getBoolean("nestor.lab")
                || NestorProcess.run(Duration.ofMinutes(1), "images", "list")
                        .stdout()
                        .lines()
                        .anyMatch(line -> line.matches("kernels\t.*-lab-arm64-.*"));
    }

    private static Result boot(String command) {
        assumeTrue(
                isWanted(),
                "the lab kernel is not built: nestor images build lab-arm64, or -Dnestor.lab=true");
        return NestorProcess.run(
                Duration.ofMinutes(60),
                "test",
                "--preset",
                "virtio-iommu-sva",
                "--oracle",
                "--exec",
                command);
    }

    @Test
    @DisplayName("an INVALIDATE that leaves the IOTLB out is found in one boot, and named")
    void aForgottenInvalidationIsBlamed() {
        Result result = boot(BUGGY);

        assertThat(result.exitCode()).describedAs(result.stdout() + result.stderr()).isEqualTo(6);
        assertThat(result.stdout()).contains("written=0");
        assertThat(result.errorLines())
                .anyMatch(line ->
                        line.matches(
                                ".*virtio-iommu: stale translation of .* PASID \\d+, IOVA 0x[0-9a-f]+, in"
                                        + " the IOTLB"))
                .anyMatch(line ->
                        line.matches(
                                ".*missing: INVALIDATE of the IOTLB; the address was in .*INVALIDATE.*"
                                        + "scope=ADDRESS, iotlb=false, deviceTlb=true.*"))
                .noneMatch(line -> line.contains("missing: INVALIDATE of the device TLB"))
                .anyMatch(line -> line.matches(".*oracle: stale translations: [1-9].*"));
    }

    @Test
    @DisplayName("the same driver without the bug is not reported")
    void theDriverAsItIsIsNotReported() {
        Result result = boot(CHECK);

        assertThat(result.exitCode()).describedAs(result.stdout() + result.stderr()).isEqualTo(0);
        assertThat(result.stdout()).contains("written=0");
        assertThat(result.errorLines())
                .anyMatch(
                        line -> line.matches(".*oracle: stale translations: 0; [1-9]\\d* DMAs.*"));
    }
}
