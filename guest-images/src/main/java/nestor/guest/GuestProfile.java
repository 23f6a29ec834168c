package nestor.guest;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What a guest loads and what it can check about itself.
 *
 * @param name the preset it belongs to
 * @param modules kernel modules, by name, in the order wanted; what they depend on is added before
 *     them
 * @param checks the checks of {@code ./nestor test}, in order; each is a file in {@code
 *     initramfs/checks}, or the file's name, a dash and what the file is told to check
 * @param programs of our own, compiled for the guest
 * @param packages of Debian stable that are in the guest with all they depend on
 * @param architecture Debian's name of the guest's CPU, such as {@code arm64}
 * @param kernelRelease the kernel it needs, as {@link ImageStore#kernel} takes it
 */
public record GuestProfile(
        String name,
        List<String> modules,
        List<String> checks,
        List<String> programs,
        List<String> packages,
        String architecture,
        String kernelRelease) {
    private static final String ARM64 = "arm64";
    private static final String AMD64 = "amd64";

    /**
     * Devices behind virtio-iommu, which is loaded first so that they attach to it before their
     * drivers bind.
     */
    public static final GuestProfile VIRTIO_IOMMU =
            new GuestProfile(
                    "virtio-iommu",
                    List.of("virtio_iommu", "pci_stub", "virtio_blk", "virtio_rng"),
                    List.of(
                            "iommu-probed",
                            "console",
                            "disk-read",
                            "disk-write",
                            "disk-discard",
                            "msi",
                            "rng",
                            "edu-dma",
                            "testdev-dma"));

    /** Devices behind the board's SMMUv3, whose driver is part of the kernel. */
    public static final GuestProfile SMMUV3 =
            new GuestProfile(
                    "smmuv3",
                    List.of("pci_stub", "virtio_blk", "virtio_rng"),
                    List.of(
                            "smmu-probed",
                            "console",
                            "disk-read",
                            "disk-write",
                            "disk-discard",
                            "msi",
                            "rng",
                            "edu-dma",
                            "testdev-dma"));

    /** Devices with no IOMMU between them and memory. */
    public static final GuestProfile NONE =
            new GuestProfile(
                    "none",
                    List.of("pci_stub", "virtio_blk", "virtio_rng"),
                    List.of(
                            "no-iommu",
                            "console",
                            "disk-read",
                            "disk-write",
                            "disk-discard",
                            "msi",
                            "rng",
                            "edu-dma",
                            "testdev-dma"));

    /**
     * Devices behind VT-d on the x86-64 board, whose driver is part of the kernel; those of a
     * virtio-iommu in its place, and of the power button, are not.
     */
    public static final GuestProfile VTD =
            new GuestProfile(
                    "vtd",
                    List.of("virtio_iommu", "pci_stub", "virtio_blk", "virtio_rng", "button"),
                    List.of(
                            "vtd-probed",
                            "console",
                            "disk-read",
                            "disk-write",
                            "disk-discard",
                            "msi",
                            "rng",
                            "edu-dma",
                            "testdev-dma",
                            "kernel-warnings"),
                    List.of(),
                    List.of(),
                    AMD64,
                    "stable");

    /**
     * Processes that share their memory with a DSA behind VT-d: Debian's newest kernel, whose own
     * driver has the device, and Debian's own tools and test program for it.
     */
    public static final GuestProfile VTD_DSA =
            new GuestProfile(
                    "vtd-dsa",
                    List.of(
                            "pci_stub",
                            "virtio_blk",
                            "virtio_rng",
                            "idxd",
                            "iaa_crypto",
                            "vfio_pci"),
                    List.of(
                            "vtd-probed",
                            "console",
                            "disk-read",
                            "disk-write",
                            "msi",
                            "idxd-probed",
                            "idxd-configured",
                            "dsa-test",
                            "dsa-write-untouched",
                            "dsa-read-untouched",
                            "dsa-record-untouched",
                            "dsa-batch-untouched",
                            "dsa-no-block",
                            "dsa-huge-page",
                            "dsa-unmapped",
                            "dsa-read-only",
                            "dsa-copy-on-write",
                            "dsa-dontneed",
                            "dsa-mremap",
                            "dsa-munmap-under-dma",
                            "dsa-threads",
                            "dsa-two-processes",
                            "dsa-exit-under-dma",
                            "dsa-exec-under-dma",
                            "dsa-kill-under-dma",
                            "dsa-reopen",
                            "idxd-removed",
                            "idxd-log",
                            "kernel-log"),
                    List.of("dsa"),
                    List.of(
                            "accel-config",
                            "accel-config-test",
                            "bash",
                            "coreutils",
                            "grep",
                            "kmod",
                            "sed"),
                    AMD64,
                    "backports");

    /** Processes that share their memory with devices behind the SMMUv3, on the lab kernel. */
    public static final GuestProfile SMMUV3_SVA =
            new GuestProfile(
                    "smmuv3-sva",
                    List.of("uio_pci_sva_drain"),
                    List.of(
                            "smmu-probed",
                            "console",
                            "disk-read",
                            "disk-write",
                            // First: Linux's own driver, which the rest uses, cannot be unbound.
                            "sva-exit-under-dma",
                            "sva-exec-under-dma",
                            "sva-kill-under-dma",
                            "sva-write-untouched",
                            "sva-read-untouched",
                            "sva-read-crc",
                            "sva-stack",
                            "sva-dontneed",
                            "sva-transparent-huge-page",
                            "sva-hugetlb",
                            "sva-shared-file",
                            "sva-private-file",
                            "sva-disk",
                            "sva-unmapped",
                            "sva-mprotect",
                            "sva-mremap",
                            "sva-munmap-under-dma",
                            "sva-copy-on-write",
                            "sva-reopen",
                            "sva-engine-rand48",
                            "sva-engine-memcpy",
                            "sva-engine-sum64",
                            "sva-engine-frames",
                            "sva-engine-fault-address",
                            "sva-two-processes",
                            "kunit-arm-smmu-v3-kunit-test",
                            "kunit-io-pgtable-arm-test",
                            "kernel-log"),
                    List.of("sva"),
                    List.of(),
                    ARM64,
                    ImageStore.LAB);

    /**
     * The same on the paravirtual IOMMU, driven by tables of the guest's: faults of devices are
     * page requests. Left out are only the checks about the SMMU itself: its driver's log, and the
     * kernel's own tests of that driver.
     */
    public static final GuestProfile VIRTIO_IOMMU_SVA =
            new GuestProfile(
                    "virtio-iommu-sva",
                    List.of("virtio_iommu_tables", "uio_pci_sva_drain"),
                    virtioIommuSvaChecks(),
                    List.of("sva"),
                    List.of(),
                    ARM64,
                    ImageStore.LAB);

    /**
     * The same behind VT-d in scalable mode, on Debian's newest kernel, for which the module is
     * built: faults of devices are page requests. In the place of the checks about the SMMU are
     * those about the units and about the kernel's warnings.
     */
    public static final GuestProfile VTD_SVA =
            new GuestProfile(
                    "vtd-sva",
                    List.of("pci_stub", "virtio_blk", "virtio_rng", "uio_pci_sva_drain"),
                    vtdSvaChecks(),
                    List.of("sva"),
                    List.of(),
                    AMD64,
                    "backports");

    /** A guest that is a host: the lab kernel's iommufd and VFIO, and Java to use them. */
    public static final GuestProfile HOST_SUITE =
            new GuestProfile(
                    "host-suite",
                    List.of(),
                    List.of(),
                    List.of(),
                    List.of(),
                    ARM64,
                    ImageStore.LAB);

    private static List<String> virtioIommuSvaChecks() {
        List<String> checks = new ArrayList<>(List.of("viommu-tables"));
        checks.addAll(svaChecks());
        checks.add("viommu-counters");
        return checks;
    }

    private static List<String> vtdSvaChecks() {
        List<String> checks = new ArrayList<>(List.of("vtd-probed"));
        checks.addAll(svaChecks());
        checks.add("kernel-warnings");
        return checks;
    }

    /** Those that are not about the SMMU itself. */
    private static List<String> svaChecks() {
        return SMMUV3_SVA.checks.stream()
                .filter(check -> !check.equals("smmu-probed") && !check.startsWith("kunit-"))
                .toList();
    }

    public GuestProfile {
        modules = List.copyOf(modules);
        checks = List.copyOf(checks);
        programs = List.copyOf(programs);
        packages = List.copyOf(packages);
    }

    private GuestProfile(String name, List<String> modules, List<String> checks) {
        this(name, modules, checks, List.of(), List.of(), ARM64, "stable");
    }

    /** The profiles there are. */
    public static List<GuestProfile> all() {
        return List.of(
                VIRTIO_IOMMU, VIRTIO_IOMMU_SVA, SMMUV3, SMMUV3_SVA, VTD, VTD_DSA, VTD_SVA, NONE);
    }

    /** The profile of a preset. */
    public static Optional<GuestProfile> named(String name) {
        return all().stream().filter(profile -> profile.name.equals(name)).findFirst();
    }
}
