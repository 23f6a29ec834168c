package nestor.tests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.time.Duration;
import nestor.tests.NestorProcess.Result;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Processes of the lab kernel share their memory with devices, behind each IOMMU that can do it. */
class LabKernelIT {
    /** Building the kernel takes longer than all other tests together. */
    private static boolean isWanted() {
        return Boolean.getBoolean("nestor.lab")
                || NestorProcess.run(Duration.ofMinutes(1), "images", "list")
                        .stdout()
                        .lines()
                        .anyMatch(line -> line.matches("kernels\t.*-lab-arm64-.*"));
    }

    private static String passing(String preset) {
        assumeTrue(
                isWanted(),
                "the lab kernel is not built: nestor images build lab-arm64, or -Dnestor.lab=true");

        Result result = NestorProcess.run(Duration.ofMinutes(60), "test", "--preset", preset);

        assertThat(result.exitCode()).describedAs(result.stdout() + result.stderr()).isEqualTo(0);
        assertThat(result.stdout())
                .contains(" sva-write-untouched", " sva-kill-under-dma")
                .doesNotContain("not ok");
        return result.stdout();
    }

    @Test
    @DisplayName("IHI 0070 §3.12.2: page faults of devices stall, and processes live on or end")
    void everySharedMemoryCheckPasses() {
        assertThat(passing("smmuv3-sva")).contains(" kunit-arm-smmu-v3");
    }

    @Test
    @DisplayName("PCIe §10.4: page faults of devices are page requests over virtio-iommu's event queue")
    void everySharedMemoryCheckPassesByTablesOnVirtioIommu() {
        assertThat(passing("virtio-iommu-sva"))
                .contains(
                        " page-requests-answered",
                        " driver-and-device-count-the-same-requests",
                        "ok 3 mapped",
                        "ok 5 hotplug");
    }
}
