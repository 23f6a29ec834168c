package nestor.guest;

import java.util.List;
import java.util.Optional;

/**
 * What a guest loads and what it can check about itself.
 *
 * @param name the preset it belongs to
 * @param modules kernel modules, by name, in the order wanted; what they depend on is added before
 *     them
 * @param checks the checks of {@code ./nestor test}, in order; each is a file in {@code
 *     initramfs/checks}
 */
public record GuestProfile(String name, List<String> modules, List<String> checks) {

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

    public GuestProfile {
        modules = List.copyOf(modules);
        checks = List.copyOf(checks);
    }

    /** The profiles there are. */
    public static List<GuestProfile> all() {
        return List.of(VIRTIO_IOMMU, SMMUV3, NONE);
    }

    /** The profile of a preset. */
    public static Optional<GuestProfile> named(String name) {
        return all().stream().filter(profile -> profile.name.equals(name)).findFirst();
    }
}
