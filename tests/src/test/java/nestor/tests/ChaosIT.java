package nestor.tests;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import nestor.tests.NestorProcess.Result;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A stock kernel does not notice what hardware is allowed to do, and outlives what is broken. */
class ChaosIT {
    private static final Duration RUN = Duration.ofMinutes(12);
    private static final Duration LIMIT = Duration.ofMinutes(2);
    private static final int DISK_BYTES = 4 << 20;

    private static Result test(String... arguments) {
        String[] all = new String[arguments.length + 1];
        all[0] = "test";
        System.arraycopy(arguments, 0, all, 1, arguments.length);
        Result result = NestorProcess.run(RUN, all);
        assertThat(result.exitCode()).describedAs(result.stdout() + result.stderr()).isEqualTo(0);
        return result;
    }

    @Test
    @DisplayName("SMMUv3: slow, reordering device TLBs, torn fetches, greedy caches: checks pass")
    void aStockKernelSurvivesSeveralKeysAtOnce() {
        Result result =
                test(
                        "--preset",
                        "smmuv3",
                        "--run",
                        "ats",
                        "--chaos",
                        "devtlb=slow+devtlb=reorder+fetch=torn+cache=greedy+evtq=full,seed=1");

        assertThat(result.stdout()).contains(" ats-enabled").doesNotContain("not ok");
        assertThat(result.stderr())
                .contains("chaos=fetch=torn+cache=greedy+evtq=full,chaos-seed=1")
                .containsPattern("smmuv3: chaos struck: fetch=torn \\d+, cache=greedy \\d+")
                .containsPattern("chaos struck: devtlb=slow \\d+, devtlb=reorder \\d+");
    }

    @Test
    @DisplayName("VT-d: the same, and page requests that are late, twice, and behind markers")
    void processesShareTheirMemoryWithFunctionsThatMisbehave() {
        Result result =
                test(
                        "--preset",
                        "vtd-sva",
                        "--chaos",
                        "devtlb=slow+devtlb=reorder+fetch=torn+cache=greedy+evtq=full"
                                + "+prq=late+prq=dup+prq=stop-marker+prq=overflow,seed=1",
                        "--exec",
                        "sva write-untouched && sva munmap-under-dma && sva engine-rand48");

        assertThat(result.stderr())
                .contains("svm-demo@pcie.0:02.0: chaos=devtlb=slow+devtlb=reorder+prq=overflow")
                .containsPattern("chaos struck: fetch=torn \\d+, cache=greedy \\d+")
                .containsPattern(
                        "prq=overflow \\d+, prq=dup \\d+, prq=late \\d+, prq=stop-marker \\d+");
    }

    @Test
    @DisplayName("virtio-iommu: late and reordered requests, no caches: the disk is read")
    void aDriverOfTheVirtioIommuWaitsForItsReplies() {
        Result result =
                test(
                        "--preset",
                        "virtio-iommu",
                        "--append",
                        "iommu.strict=0",
                        "--chaos",
                        "inv=slow+req=reorder+cache=none+evtq=full,seed=1",
                        "--exec",
                        "dd if=/dev/vda of=/dev/null iflag=direct bs=64k");

        assertThat(result.stderr())
                .containsPattern("chaos struck: inv=slow \\d+, req=reorder \\d+");
    }

    /** {@code nestor ctl}, from outside. */
    private static String ctl(String machine, String... command) {
        String[] all = new String[command.length + 2];
        all[0] = "ctl";
        all[1] = machine;
        System.arraycopy(command, 0, all, 2, command.length);
        Result result = NestorProcess.run(LIMIT, all);
        assertThat(result.exitCode()).describedAs(result.stdout() + result.stderr()).isEqualTo(0);
        return result.stdout();
    }

    /** Reads a page of the disk that was not read yet; what the console shows up to its end. */
    private static String read(NestorSession guest, int page) {
        guest.type(
                "dd if=/dev/vda of=/dev/null iflag=direct bs=4k count=1 skip=%d; echo do''ne%d\n"
                        .formatted(page, page));
        return guest.await("^done" + page, LIMIT);
    }

    @Test
    @DisplayName("IHI 0070 §4.5.1: a device TLB dies and comes back; then its device is pulled")
    void aGuestOutlivesADeadDeviceTlb(@TempDir Path folder) throws IOException {
        Path disk = Files.write(folder.resolve("disk.img"), new byte[DISK_BYTES]);
        String name = "chaos-" + ProcessHandle.current().pid();
        try (NestorSession guest =
                NestorSession.start(
                        "run",
                        "--timeout",
                        "600",
                        "-name",
                        name,
                        "--kernel-release",
                        "backports", // 6.12 loses invalidations behind a port: atc-lost-in-group
                        "-M",
                        "virt,iommu=none",
                        "-device",
                        "arm-smmuv3,primary-bus=pcie.0,atc-timeout=50",
                        "-device",
                        "pcie-root-port,id=rp1",
                        "-drive",
                        "file=%s,if=none,id=disk,readonly=on".formatted(disk),
                        "-device",
                        "virtio-blk-pci,bus=rp1,drive=disk,id=disk1,iommu_platform=on,ats=on")) {
            guest.await("nestor: guest up", RUN);
            guest.await("# ", LIMIT);
            assertThat(read(guest, 0)).contains("1+0 records out").doesNotContain("CMDQ error");

            assertThat(ctl(name, "inject", "devtlb=dead", "device=disk1", "seed=1"))
                    .contains("chaos=devtlb=dead,chaos-seed=1");
            assertThat(read(guest, 1)).contains("CMDQ error", "ATC invalidate timeout");
            ctl(name, "inject", "off");
            assertThat(ctl(name, "inject")).containsPattern("devtlb=dead +[1-9]\\d* times");
            read(guest, 2); // what was lost before
            assertThat(read(guest, 3)).contains("1+0 records out").doesNotContain("CMDQ error");

            assertThat(ctl(name, "inject", "surprise-removal", "device=disk1", "seed=1"))
                    .contains("chaos=surprise-removal,chaos-seed=1");
            guest.type(
                    "(while dd if=/dev/vda of=/dev/null iflag=direct bs=64k; do :; done;"
                            + " echo reader-en''ded) &\n");
            assertThat(guest.await("^reader-ended", LIMIT))
                    .contains("pciehp: Slot(1): Card not present");
            guest.type("[ -e /sys/block/vda ] || echo go''ne\n");
            guest.await("^gone", LIMIT);
            guest.type("\u0001x"); // its driver waits for a reset's end: HotPlugIT
            assertThat(guest.end(LIMIT)).isZero();
            assertThat(guest.output()).doesNotContain("Call trace");
        }
    }
}
