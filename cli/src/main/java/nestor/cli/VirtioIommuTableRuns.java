package nestor.cli;

import java.util.List;
import java.util.Map;
import nestor.guest.GuestProfile;

/** What our driver does with a virtio-iommu, one run for each way of using it. */
final class VirtioIommuTableRuns {
    private static final String HOT_DISK = "bus=rp1,id=hot";

    /** Of what has nothing to do with shared memory. */
    private static final List<String> DISK_CHECKS =
            List.of(
                    "viommu-tables",
                    "console",
                    "disk-read",
                    "disk-write",
                    "disk-discard",
                    "msi",
                    "rng",
                    "edu-dma",
                    "testdev-dma",
                    "domain-live",
                    "kernel-log",
                    "viommu-counters");

    private VirtioIommuTableRuns() {}

    static List<PresetRun> all() {
        return List.of(
                PresetRun.named(
                                "sva",
                                "processes share their memory; faults are page requests",
                                GuestProfile.VIRTIO_IOMMU_SVA.checks())
                        .arguments("quiet")
                        .build(),
                PresetRun.named(
                                "tables",
                                "DMA by page tables, and domains that change while in use",
                                DISK_CHECKS)
                        .arguments("quiet")
                        .devices("edu,dma_mask=0xffffffffffffffff", "iommu-testdev")
                        .build(),
                mapped(),
                passthrough(),
                hotPlug());
    }

    /** A device as the specification has it. */
    private static PresetRun mapped() {
        return PresetRun.named(
                        "mapped",
                        "table-profile=none: the same driver by MAP and UNMAP requests",
                        DISK_CHECKS)
                .arguments("quiet", "nestor.viommu.tables=0")
                .devices(
                        "virtio-iommu-pci,table-profile=none",
                        "edu,dma_mask=0xffffffffffffffff",
                        "iommu-testdev")
                .build();
    }

    /** A process's PASID beside requests without one that are not translated. */
    private static PresetRun passthrough() {
        return PresetRun.named(
                        "passthrough",
                        "iommu.passthrough=1: identity, with PASIDs that are not",
                        List.of(
                                "viommu-tables",
                                "disk-read",
                                "disk-write",
                                "sva-exit-under-dma",
                                "sva-write-untouched",
                                "sva-engine-rand48",
                                "kernel-log"))
                .arguments("quiet", "iommu.passthrough=1", "nestor.iommu-probed.type=identity")
                .build();
    }

    private static PresetRun hotPlug() {
        return PresetRun.named(
                        "hotplug",
                        "a disk with ATS leaves and comes back while it is read",
                        List.of("viommu-tables", "hotplug", "kernel-log", "viommu-counters"))
                .arguments("quiet", "nestor.timeout=300")
                .devices("pcie-root-port,id=rp1")
                .diskProperties(Map.of(GuestTest.READ_DISK, HOT_DISK + ",ats=on"))
                .requests(
                        Map.of(
                                "plug",
                                "device_add virtio-blk-pci,drive=%s,iommu_platform=on,ats=on,%s"
                                        .formatted(GuestTest.READ_DISK, HOT_DISK),
                                "unplug",
                                "device_del hot"))
                .build();
    }
}
