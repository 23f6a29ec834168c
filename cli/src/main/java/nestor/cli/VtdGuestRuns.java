package nestor.cli;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import nestor.guest.GuestProfile;

/** What a stock kernel does with VT-d, one run for each way of using it; and with a VIOT. */
final class VtdGuestRuns {
    /**
     * Leaves out what costs the most instructions of a boot and has nothing to do with an IOMMU:
     * self-tests of cryptography.
     */
    private static final String[] BRIEF = {
        "quiet", "cryptomgr.notests", "initcall_blacklist=jent_mod_init"
    };

    private static final String LEGACY = "intel_iommu=on,sm_off";
    private static final String SCALABLE = "intel_iommu=on,sm_on";
    private static final String SCALABLE_FAULTS = "nestor.vtd.mode=scalable";
    private static final String LEGACY_FAULTS = "nestor.vtd.mode=legacy";
    private static final String STRICT = "iommu.strict=1";
    private static final String STRICT_TYPE = "nestor.iommu-probed.type=DMA";

    /** What interrupts are called that no remapping unit changes. */
    private static final String PLAIN_MSI = "nestor.msi.chip=PCI-MSI";

    private static final String HOT_DISK = "bus=rp1,id=hot";

    private VtdGuestRuns() {}

    static List<PresetRun> all() {
        return List.of(
                legacy(),
                scalable(),
                backports(),
                strict(),
                lazy(),
                passthrough(),
                hotPlug(),
                notRemapped(),
                viot(),
                reboot());
    }

    /** The run of the preset whose functions share the memory of processes. */
    static PresetRun shared() {
        return PresetRun.named(
                        "sva",
                        "processes share their memory; faults are page requests",
                        GuestProfile.VTD_SVA.checks())
                .arguments(with(SCALABLE, STRICT, STRICT_TYPE))
                .build();
    }

    private static PresetRun legacy() {
        List<String> checks = new ArrayList<>(GuestProfile.VTD.checks());
        checks.add("power-button");
        return PresetRun.named(
                        "legacy", "legacy mode, lazy invalidation: the kernel's default", checks)
                .arguments(with(LEGACY, LEGACY_FAULTS))
                .requests(Map.of("powerdown", "system_powerdown"))
                .build();
    }

    private static PresetRun scalable() {
        return PresetRun.named(
                        "scalable",
                        "scalable mode, first stage, strict, disks with ATS",
                        List.of(
                                "vtd-probed",
                                "ats-enabled",
                                "disk-read",
                                "disk-write",
                                "msi",
                                "edu-dma",
                                "testdev-dma",
                                "kernel-warnings"))
                .arguments(with(SCALABLE, SCALABLE_FAULTS, STRICT, STRICT_TYPE))
                .devices("intel-iommu,scalable-mode=on,fsts=on,device-iotlb=on")
                .diskProperties(
                        Map.of(GuestTest.READ_DISK, "ats=on", GuestTest.WRITTEN_DISK, "ats=on"))
                .build();
    }

    /** The first kernel that has shared virtual addressing on this architecture. */
    private static PresetRun backports() {
        return PresetRun.named(
                        "backports",
                        "the same with svm and page requests, Debian's newest kernel",
                        GuestProfile.VTD.checks())
                .kernelRelease("backports")
                .arguments(with(SCALABLE, SCALABLE_FAULTS))
                .devices(
                        "intel-iommu,scalable-mode=on,fsts=on,svm=on,device-iotlb=on,pri=on",
                        "svm-demo")
                .build();
    }

    private static PresetRun strict() {
        return PresetRun.named(
                        "strict",
                        "iommu.strict=1; then domains that change while in use",
                        List.of(
                                "vtd-probed",
                                "disk-read",
                                "disk-write",
                                "edu-dma",
                                "domain-live",
                                "kernel-warnings"))
                .arguments(with(LEGACY, STRICT, STRICT_TYPE))
                .build();
    }

    /** The disk and a function with a DMA engine share a slot, so a group, so a domain. */
    private static PresetRun lazy() {
        return PresetRun.named(
                        "lazy",
                        "invalidation in batches, nothing reachable after one",
                        List.of(
                                "vtd-probed",
                                "disk-read",
                                "disk-write",
                                "lazy-flush",
                                "kernel-warnings"))
                .arguments(with(LEGACY))
                .devices("edu,addr=8.1,dma_mask=0xffffffffffffffff")
                .diskProperties(
                        Map.of(GuestTest.READ_DISK, "addr=8.0", GuestTest.WRITTEN_DISK, "addr=9.0"))
                .build();
    }

    private static PresetRun passthrough() {
        return PresetRun.named(
                        "passthrough",
                        "iommu=pt: every domain is the identity",
                        List.of(
                                "vtd-probed",
                                "disk-read",
                                "disk-write",
                                "edu-dma",
                                "testdev-dma",
                                "kernel-warnings"))
                .arguments(with(LEGACY, "iommu=pt", "nestor.iommu-probed.type=identity"))
                .build();
    }

    private static PresetRun hotPlug() {
        return PresetRun.named(
                        "hotplug",
                        "the disk leaves and comes back while it is read",
                        List.of("vtd-probed", "hotplug", "kernel-warnings"))
                .arguments(with(SCALABLE))
                .devices(
                        "intel-iommu,scalable-mode=on,fsts=on,device-iotlb=on",
                        "pcie-root-port,id=rp1")
                .diskProperties(Map.of(GuestTest.READ_DISK, HOT_DISK))
                .requests(
                        Map.of(
                                "plug",
                                "device_add virtio-blk-pci,drive=%s,iommu_platform=on,%s"
                                        .formatted(GuestTest.READ_DISK, HOT_DISK),
                                "unplug",
                                "device_del hot"))
                .build();
    }

    private static PresetRun notRemapped() {
        return PresetRun.named(
                        "no-intremap",
                        "intremap=off: DMA is translated, interrupts are not",
                        List.of("vtd-probed", "disk-read", "disk-write", "msi", "kernel-warnings"))
                .arguments(with(LEGACY, "nestor.vtd-probed.intremap=off", PLAIN_MSI))
                .devices("intel-iommu,intremap=off")
                .build();
    }

    private static PresetRun viot() {
        return PresetRun.named(
                        "viot",
                        "virtio-iommu on this board, found by the VIOT",
                        List.of(
                                "iommu-probed",
                                "disk-read",
                                "disk-write",
                                "msi",
                                "edu-dma",
                                "testdev-dma",
                                "kernel-warnings"))
                .arguments(with(STRICT, PLAIN_MSI))
                .devices("virtio-iommu-pci")
                .build();
    }

    private static PresetRun reboot() {
        return PresetRun.named(
                        "reboot",
                        "20 reboots of one machine, each reads the disk",
                        List.of("vtd-probed", "kernel-warnings"))
                .arguments(
                        "quiet",
                        "cryptomgr.notests",
                        "initcall_blacklist=jent_mod_init,trace_eval_init",
                        "rodata=off",
                        LEGACY,
                        "nestor.reboots=20")
                .reboots()
                .build();
    }

    private static String[] with(String... words) {
        String[] all = Arrays.copyOf(BRIEF, BRIEF.length + words.length);
        System.arraycopy(words, 0, all, BRIEF.length, words.length);
        return all;
    }
}
