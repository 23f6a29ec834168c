package nestor.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import nestor.guest.GuestProfile;

/**
 * A ready machine: the endpoints that the guest-side checks look for, with or without an IOMMU in
 * front of them.
 *
 * @param profile what the guest loads and checks
 */
record Preset(GuestProfile profile) {
    /** The board of x86-64 guests. */
    static final String Q35 = "q35";

    /** The board of arm64 guests. */
    static final String VIRT = "virt";

    static Preset of(String origin, String name) throws CommandException {
        return new Preset(
                GuestProfile.named(name)
                        .orElseThrow(() ->
                                CommandException.usage(
                                        "%s: unknown preset '%s'; known: %s"
                                                .formatted(
                                                        origin,
                                                        name,
                                                        String.join(", ", names())))));
    }

    /** The machine that a board is by itself; none of a board that is not known. */
    static Optional<Preset> ofBoard(String board) {
        return switch (board) {
            case "", VIRT -> Optional.of(new Preset(GuestProfile.VIRTIO_IOMMU));
            case Q35 -> Optional.of(new Preset(GuestProfile.VTD));
            default -> Optional.empty();
        };
    }

    /** What {@code nestor test} boots, in order. */
    List<PresetRun> runs() {
        return PresetRuns.of(profile);
    }

    /** Whether DMA is translated at all. */
    boolean hasIommu() {
        return !profile.equals(GuestProfile.NONE);
    }

    /** The machine type. */
    String board() {
        return isVtd() ? Q35 : VIRT;
    }

    /** The kernel's console on the board's serial port. */
    static String consoleArguments(String board, String kernelArguments) {
        return ("console=" + (board.equals(Q35) ? "ttyS0" : "ttyAMA0") + " " + kernelArguments)
                .strip();
    }

    private boolean isVtd() {
        return profile.equals(GuestProfile.VTD) || isVtdShared();
    }

    /** Whether processes share their memory with functions behind VT-d. */
    private boolean isVtdShared() {
        return hasDsa() || profile.equals(GuestProfile.VTD_SVA);
    }

    /** Whether the function that processes share their memory with is a DSA. */
    private boolean hasDsa() {
        return profile.equals(GuestProfile.VTD_DSA);
    }

    /** Whether the IOMMU is a device of its own, rather than the board's. */
    boolean hasVirtioIommu() {
        return profile.equals(GuestProfile.VIRTIO_IOMMU) || hasTables();
    }

    /** Whether the guest's driver gives the virtio-iommu tables of its own. */
    private boolean hasTables() {
        return profile.equals(GuestProfile.VIRTIO_IOMMU_SVA);
    }

    /** Whether processes of the guest share their memory with devices. */
    private boolean isShared() {
        return profile.equals(GuestProfile.SMMUV3_SVA)
                || profile.equals(GuestProfile.VTD_SVA)
                || hasTables();
    }

    /** What the machine type is told, unless the user says otherwise. */
    Map<String, String> machineProperties() {
        return profile.equals(GuestProfile.SMMUV3) || profile.equals(GuestProfile.SMMUV3_SVA)
                ? Map.of("iommu", "smmuv3")
                : Map.of();
    }

    /** The machine in QEMU's spelling. */
    String machine() {
        StringBuilder machine = new StringBuilder(board());
        if (board().equals(VIRT)) {
            machine.append(",gic-version=3");
        }
        machineProperties().forEach((name, value) -> machine.append("," + name + "=" + value));
        return machine.toString();
    }

    /** The devices in QEMU's spelling; disks and consoles come on top. */
    List<String> devices() {
        List<String> devices = new ArrayList<>();
        if (hasVirtioIommu()) {
            devices.add(hasTables() ? "virtio-iommu-pci,table-profile=nestor" : "virtio-iommu-pci");
        }
        if (isVtdShared()) {
            devices.add("intel-iommu,scalable-mode=on,fsts=on,svm=on,device-iotlb=on,pri=on");
        } else if (isVtd()) {
            devices.add("intel-iommu,intremap=on,device-iotlb=on");
        }
        devices.add("virtio-rng-pci" + platform());
        if (hasDsa()) {
            devices.add("dsa");
            return devices;
        }
        if (isShared()) {
            // Only an SMMU's faults stall; those of others are page requests.
            String faults = profile.equals(GuestProfile.SMMUV3_SVA) ? ",stall=on" : "";
            devices.add("svm-demo" + faults);
            devices.add("smmu-test-engine" + faults);
            return devices;
        }
        // Any address: the checks aim at the top of memory.
        devices.add("edu,dma_mask=0xffffffffffffffff");
        devices.add("iommu-testdev");
        return devices;
    }

    /** A disk on a drive. */
    String disk(String drive) {
        return "virtio-blk-pci,drive=" + drive + platform();
    }

    /** A virtio console on a chardev. */
    List<String> console(String chardev) {
        return List.of(
                "virtio-serial-pci" + platform(),
                "virtconsole,chardev=" + OptionList.escape(chardev));
    }

    private String platform() {
        return hasIommu() ? ",iommu_platform=on,disable-legacy=on" : "";
    }

    /** What {@code --preset} takes. */
    static List<String> names() {
        return GuestProfile.all().stream().map(GuestProfile::name).toList();
    }
}
