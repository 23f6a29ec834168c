package nestor.cli;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import nestor.guest.GuestProfile;

/** What a stock kernel does with an SMMUv3, one run for each way of using it. */
final class SmmuRuns {
    /**
     * Leaves out what costs the most instructions of a boot and has nothing to do with an IOMMU:
     * self-tests of cryptography.
     */
    private static final String[] BRIEF = {
        "quiet", "cryptomgr.notests", "initcall_blacklist=jent_mod_init"
    };

    private static final String HOT_DISK = "bus=rp1,id=hot";

    private SmmuRuns() {}

    static List<PresetRun> all() {
        List<String> checks = GuestProfile.SMMUV3.checks();
        return List.of(
                PresetRun.named("strict", "the kernel's default: each unmap invalidates", checks)
                        .build(),
                PresetRun.named("backports", "the same, Debian's newest kernel", checks)
                        .kernelRelease("backports")
                        .arguments(BRIEF)
                        .build(),
                lazy(),
                passthrough(),
                translated(),
                ats(),
                hotPlug(),
                hotPlugWithAts(),
                torn(),
                units(),
                reboot());
    }

    /** No more is promised of how structures are fetched (IHI 0070, §3.21.3). */
    private static PresetRun torn() {
        return PresetRun.named(
                        "torn",
                        "each doubleword the SMMU fetches may be as old as the last invalidation",
                        GuestProfile.SMMUV3.checks())
                .machine("virt,iommu=none")
                .arguments(BRIEF)
                .devices("arm-smmuv3,primary-bus=pcie.0,fetch=torn:7")
                .build();
    }

    /** The written disk is behind the second, which has less to offer. */
    private static PresetRun units() {
        return PresetRun.named(
                        "units",
                        "two SMMUs that are not alike, each in front of a root bus",
                        List.of("smmu-probed", "disk-read", "disk-write"))
                .machine("virt,iommu=none")
                .arguments(BRIEF)
                .devices(
                        "arm-smmuv3,primary-bus=pcie.0",
                        "pxb-pcie,id=pcie.1,bus_nr=64",
                        "arm-smmuv3,primary-bus=pcie.1,stage=1,ats=off,stall=off,ssidsize=0,oas=40")
                .diskProperties(Map.of(GuestTest.WRITTEN_DISK, "bus=pcie.1"))
                .build();
    }

    /** The disk and a function with a DMA engine share a slot, so a group, so a domain. */
    private static PresetRun lazy() {
        return PresetRun.named(
                        "lazy",
                        "iommu.strict=0: invalidation in batches, nothing reachable after one",
                        List.of("smmu-probed", "disk-read", "disk-write", "lazy-flush"))
                .arguments(arguments("iommu.strict=0", "nestor.iommu-probed.type=DMA-FQ"))
                .devices("edu,addr=8.1,dma_mask=0xffffffffffffffff")
                .diskProperties(
                        Map.of(GuestTest.READ_DISK, "addr=8.0", GuestTest.WRITTEN_DISK, "addr=9.0"))
                .build();
    }

    private static PresetRun passthrough() {
        return PresetRun.named(
                        "passthrough",
                        "iommu.passthrough=1: every domain is the identity",
                        List.of("smmu-probed", "disk-read", "disk-write", "edu-dma", "testdev-dma"))
                .arguments(arguments("iommu.passthrough=1", "nestor.iommu-probed.type=identity"))
                .build();
    }

    private static PresetRun translated() {
        return PresetRun.named(
                        "translated",
                        "iommu.passthrough=0: every domain is translated",
                        List.of("smmu-probed", "disk-read", "edu-dma"))
                .arguments(arguments("iommu.passthrough=0"))
                .build();
    }

    private static PresetRun ats() {
        return PresetRun.named(
                        "ats",
                        "disks with ATS: enabled by the kernel, and its invalidations arrive",
                        List.of("smmu-probed", "ats-enabled", "disk-read", "disk-write", "msi"))
                .arguments(BRIEF)
                .diskProperties(
                        Map.of(GuestTest.READ_DISK, "ats=on", GuestTest.WRITTEN_DISK, "ats=on"))
                .build();
    }

    private static PresetRun hotPlug() {
        return hotPlug(
                        "hotplug",
                        "the disk leaves and comes back while it is read",
                        List.of("smmu-probed", "hotplug"),
                        HOT_DISK)
                .build();
    }

    /** Not Linux 6.12, which loses the invalidations of such a disk: atc-lost-in-group. */
    private static PresetRun hotPlugWithAts() {
        String hotDisk = HOT_DISK + ",ats=on";
        return hotPlug(
                        "hotplug-ats",
                        "the same with ATS, Debian's newest kernel, and a slot that sleeps",
                        List.of("smmu-probed", "ats-enabled", "disk-write", "hotplug"),
                        hotDisk)
                .kernelRelease("backports")
                .devices("pcie-root-port,id=rp1", "pcie-root-port,id=rp2")
                .diskProperties(
                        Map.of(
                                GuestTest.READ_DISK,
                                hotDisk,
                                GuestTest.WRITTEN_DISK,
                                "bus=rp2,ats=on"))
                .build();
    }

    private static PresetRun.Builder hotPlug(
            String name, String summary, List<String> checks, String hotDisk) {
        return PresetRun.named(name, summary, checks)
                .arguments(BRIEF)
                .devices("pcie-root-port,id=rp1")
                .diskProperties(Map.of(GuestTest.READ_DISK, hotDisk))
                .requests(
                        Map.of(
                                "plug",
                                "device_add virtio-blk-pci,drive=%s,iommu_platform=on,%s"
                                        .formatted(GuestTest.READ_DISK, hotDisk),
                                "unplug",
                                "device_del hot"));
    }

    private static PresetRun reboot() {
        return PresetRun.named(
                        "reboot",
                        "20 reboots of one machine, each reads the disk",
                        List.of("smmu-probed"))
                .arguments(
                        "quiet",
                        "nokaslr",
                        "cryptomgr.notests",
                        "initcall_blacklist=jent_mod_init,trace_eval_init",
                        "rodata=off",
                        "nestor.reboots=20")
                .reboots()
                .build();
    }

    /** The kernel's command line of a run that is not about the boot. */
    static String[] arguments(String... words) {
        String[] all = Arrays.copyOf(BRIEF, BRIEF.length + words.length);
        System.arraycopy(words, 0, all, BRIEF.length, words.length);
        return all;
    }
}
