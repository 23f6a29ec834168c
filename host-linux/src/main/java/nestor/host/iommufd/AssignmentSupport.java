package nestor.host.iommufd;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import nestor.host.Errno;
import nestor.host.LinuxHost;
import nestor.iommu.host.GuestOffer;
import nestor.iommu.host.HostCapabilities;
import nestor.iommu.host.HostException;
import nestor.iommufd.HostSystem;
import nestor.iommufd.Ioctl;

/**
 * One thing that assigning a device to a guest takes, and what this host has of it. Found out
 * without touching a device: what only the IOMMU of a bound device says is asked when a guest gets
 * one.
 *
 * @param topic a word
 * @param text what there is
 * @param advice what is missing and what to do about it; empty if nothing
 */
public record AssignmentSupport(String topic, String text, String advice) {
    private static final String IOMMUS = "sys/class/iommu";
    private static final String CDEVS = "dev/vfio/devices";
    private static final String PCI = "sys/bus/pci/devices";
    private static final String CONTAINER = "dev/vfio/vfio";

    /** What nesting needs of /dev/iommu, and since which kernel it is there. */
    private enum Call {
        NESTING(Ioctl.HWPT_INVALIDATE, "nested page tables", "6.8"),
        FAULTS(Ioctl.FAULT_QUEUE_ALLOC, "page requests", "6.11"),
        VIOMMU(Ioctl.VIOMMU_ALLOC, "vIOMMUs, which an SMMUv3 takes", "6.13"),
        EVENTS(Ioctl.VEVENTQ_ALLOC, "their events", "6.15");

        private final Ioctl ioctl;
        private final String what;
        private final String since;

        Call(Ioctl ioctl, String what, String since) {
            this.ioctl = ioctl;
            this.what = what;
            this.since = since;
        }
    }

    /** Makes a system; only where there is something to ask it. */
    @FunctionalInterface
    interface Loader {
        HostSystem load() throws HostException;
    }

    /** Finds out. Loads native code only if there is a /dev/iommu. */
    public static List<AssignmentSupport> ofThisHost() {
        return measure(Path.of("/"), () -> new LinuxHostSystem(LinuxHost.load()));
    }

    /**
     * Finds out.
     *
     * @param root where dev and sys are
     */
    static List<AssignmentSupport> measure(Path root, Loader loader) {
        return List.of(iommus(root), iommufd(root, loader), devices(root));
    }

    private static AssignmentSupport iommus(Path root) {
        List<String> names = names(root.resolve(IOMMUS));
        if (names.isEmpty()) {
            return new AssignmentSupport(
                    "iommu",
                    "no IOMMU in use",
                    "turn it on in the firmware, and on Intel with intel_iommu=on");
        }
        List<String> texts = new ArrayList<>();
        for (String name : names) {
            texts.add(name + nesting(root.resolve(IOMMUS).resolve(name).resolve("intel-iommu")));
        }
        return new AssignmentSupport("iommu", String.join(", ", texts), "");
    }

    /** An SMMUv3 says nothing before a device is bound. */
    private static String nesting(Path vtd) {
        try {
            long cap = Long.parseUnsignedLong(Files.readString(vtd.resolve("cap")).strip(), 16);
            long ecap = Long.parseUnsignedLong(Files.readString(vtd.resolve("ecap")).strip(), 16);
            boolean nests =
                    !GuestOffer.of(new HostCapabilities.Vtd(cap, ecap, 0))
                            .equals(GuestOffer.NOTHING);
            return nests ? " (nests)" : " (VT-d without nesting)";
        } catch (IOException | NumberFormatException e) {
            return "";
        }
    }

    private static AssignmentSupport iommufd(Path root, Loader loader) {
        if (!Files.exists(root.resolve(HostSystem.IOMMU.substring(1)))) {
            return new AssignmentSupport(
                    "iommufd",
                    "no " + HostSystem.IOMMU,
                    "modprobe iommufd; the kernel needs CONFIG_IOMMUFD");
        }
        try {
            HostSystem system = loader.load();
            int fd = LinuxHost.checked("open", system.open(HostSystem.IOMMU));
            try {
                return calls(system, fd);
            } finally {
                system.close(fd);
            }
        } catch (HostException e) {
            boolean denied = e.errno() == Errno.EACCES || e.errno() == Errno.EPERM;
            return new AssignmentSupport(
                    "iommufd",
                    denied
                            ? HostSystem.IOMMU + " is there, but not for you"
                            : HostSystem.IOMMU + " is of no use: " + e.getMessage(),
                    denied ? "ask for read and write permission on it" : "");
        }
    }

    /** A structure of no size is refused by every call that is there (EINVAL). */
    private static AssignmentSupport calls(HostSystem system, int fd) {
        MemorySegment nothing = Arena.ofAuto().allocate(Long.BYTES, Long.BYTES);
        List<String> has = new ArrayList<>();
        List<String> lacks = new ArrayList<>();
        for (Call call : Call.values()) {
            boolean there = system.ioctl(fd, call.ioctl.number(), nothing) == -Errno.EINVAL;
            (there ? has : lacks)
                    .add(there ? call.what : call.what + " (Linux " + call.since + ")");
        }
        return new AssignmentSupport(
                "iommufd",
                HostSystem.IOMMU
                        + " is there"
                        + (has.isEmpty() ? "" : " with " + String.join(", ", has)),
                lacks.isEmpty() ? "" : "this kernel lacks " + String.join(", ", lacks));
    }

    private static AssignmentSupport devices(Path root) {
        Path folder = root.resolve(CDEVS);
        List<String> names = names(folder);
        if (names.isEmpty()) {
            boolean old = Files.exists(root.resolve(CONTAINER));
            return new AssignmentSupport(
                    "vfio",
                    old ? "VFIO is there, but no device's cdev" : "no VFIO device",
                    "bind a device to vfio-pci (driverctl set-override); the kernel needs"
                            + " CONFIG_VFIO_DEVICE_CDEV"
                            + withoutCdev(root));
        }
        List<String> functions = functions(root, names);
        List<String> denied =
                names.stream()
                        .filter(name ->
                                !Files.isReadable(folder.resolve(name))
                                        || !Files.isWritable(folder.resolve(name)))
                        .toList();
        return new AssignmentSupport(
                "vfio",
                "can be assigned: " + String.join(", ", functions),
                denied.isEmpty() ? "" : "not for you: " + String.join(", ", denied));
    }

    /** Each cdev with the PCI function it is of, as {@code -device vfio-pci,host=} names it. */
    private static List<String> functions(Path root, List<String> cdevs) {
        List<String> texts = new ArrayList<>();
        for (String cdev : cdevs) {
            String text = cdev;
            for (String address : names(root.resolve(PCI))) {
                Path function = root.resolve(PCI).resolve(address);
                if (Files.exists(function.resolve("vfio-dev").resolve(cdev))) {
                    text = "%s (%s%s)".formatted(address, cdev, group(function));
                }
            }
            texts.add(text);
        }
        return texts;
    }

    /** All functions of a group belong to one guest, or to nobody. */
    private static String group(Path function) {
        try {
            Path group = Files.readSymbolicLink(function.resolve("iommu_group")).getFileName();
            return ", group " + group;
        } catch (IOException e) {
            return ", without an IOMMU group";
        }
    }

    /** Functions that vfio-pci has, in a kernel without cdevs. */
    private static String withoutCdev(Path root) {
        List<String> bound =
                names(root.resolve(PCI)).stream()
                        .filter(address -> isVfio(root.resolve(PCI).resolve(address)))
                        .toList();
        return bound.isEmpty() ? "" : "; vfio-pci has " + String.join(", ", bound);
    }

    private static boolean isVfio(Path function) {
        try {
            return Files.readSymbolicLink(function.resolve("driver")).endsWith("vfio-pci");
        } catch (IOException e) {
            return false; // no driver has it
        }
    }

    /** What is in a folder, sorted; nothing if there is no such folder. */
    private static List<String> names(Path folder) {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(file -> file.getFileName().toString()).sorted().toList();
        } catch (IOException e) {
            return List.of();
        }
    }
}
