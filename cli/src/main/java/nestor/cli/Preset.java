package nestor.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import nestor.guest.GuestProfile;

/**
 * A ready machine: the endpoints that the guest-side checks look for, with or without an IOMMU in
 * front of them.
 *
 * @param profile what the guest loads and checks
 */
record Preset(GuestProfile profile) {
    static Preset of(String origin, String name) throws CommandException {
        return new Preset(
                GuestProfile.named(name)
                        .orElseThrow(() ->
                                CommandException.usage(
                                        "%s: unknown preset '%s'; known: %s"
                                                .formatted(origin, name, names()))));
    }

    boolean hasIommu() {
        return profile.equals(GuestProfile.VIRTIO_IOMMU);
    }

    /** The devices in QEMU's spelling; disks and consoles come on top. */
    List<String> devices() {
        List<String> devices = new ArrayList<>();
        if (hasIommu()) {
            devices.add("virtio-iommu-pci");
        }
        devices.add("virtio-rng-pci" + platform());
        // Any address: the checks aim at the top of memory.
        devices.add("edu,dma_mask=0xffffffffffffffff");
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

    private static String names() {
        return GuestProfile.all().stream()
                .map(GuestProfile::name)
                .collect(Collectors.joining(", "));
    }
}
