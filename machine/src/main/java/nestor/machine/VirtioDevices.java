package nestor.machine;

import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Function;
import nestor.atc.Atc;
import nestor.atc.AtcOptions;
import nestor.atc.CachedDmaPort;
import nestor.endpoints.DiskImageException;
import nestor.endpoints.RawFile;
import nestor.endpoints.VirtioBlk;
import nestor.endpoints.VirtioConsole;
import nestor.endpoints.VirtioRng;
import nestor.virtio.VirtioDevice;
import nestor.virtio.pci.VirtioPci;
import nestor.vmm.chardev.CharBackend;
import nestor.vmm.loop.MailboxLoop;
import org.jspecify.annotations.Nullable;

/** Makes virtio devices; knows which drives and character backends are in use. */
final class VirtioDevices {
    private static final int BLK_QUEUES = 1;

    /** A ring, and the pages of the largest disk request. */
    private static final AtcOptions VIRTIO_ATC = AtcOptions.setAssociative(512, 8);

    private final Map<String, CharBackend> backends;
    private final Map<String, DriveConfig> drives = new LinkedHashMap<>();
    private final Function<String, MailboxLoop> loops;

    /** Drives and character backends in use; devices that are hot-plugged change it. */
    private final Set<String> used = ConcurrentHashMap.newKeySet();

    /**
     * No devices yet.
     *
     * @param loops makes the loop of a device
     */
    VirtioDevices(
            Map<String, CharBackend> backends,
            List<DriveConfig> drives,
            Function<String, MailboxLoop> loops)
            throws ConfigException {
        this.backends = backends;
        this.loops = loops;
        for (DriveConfig drive : drives) {
            if (this.drives.put(drive.id(), drive) != null) {
                throw new ConfigException("-drive id=" + drive.id() + ": the id is taken");
            }
        }
    }

    /** The devices that the user wrote, and one for each drive with {@code if=virtio}. */
    static List<DeviceConfig> withDrives(List<DeviceConfig> devices, List<DriveConfig> drives)
            throws ConfigException {
        List<DeviceConfig> all = new ArrayList<>(devices);
        for (DriveConfig drive : drives) {
            switch (drive.interfaceType()) {
                case "none" -> {}
                case "virtio" ->
                        all.add(new DeviceConfig("virtio-blk-pci", Map.of("drive", drive.id())));
                default ->
                        throw new ConfigException(
                                "-drive if=%s: must be one of none, virtio"
                                        .formatted(drive.interfaceType()));
            }
        }
        return all;
    }

    /** What the device of {@code options} holds is free again. */
    void release(DeviceOptions options) {
        if (options.has("drive")) {
            used.remove("drive " + options.text("drive"));
        }
    }

    /** Makes a device. */
    Endpoint make(PciPlan.Placement place, @Nullable DeviceOptions console) throws ConfigException {
        DeviceOptions options = place.options();
        if (options.on("ats") && !options.on("iommu_platform")) {
            throw options.wrong("ats", "needs iommu_platform=on");
        }
        return switch (place.driver()) {
            case "virtio-blk-pci" -> {
                String serial = serial(options);
                RawFile disk = disk(options);
                yield virtio(place, new VirtioBlk(disk, serial, BLK_QUEUES), Optional.of(disk));
            }
            case "virtio-rng-pci" ->
                    virtio(place, new VirtioRng(new SecureRandom()), Optional.empty());
            case "virtio-serial-pci" -> {
                if (console == null) {
                    throw new IllegalStateException("a plan without the console");
                }
                yield virtio(place, new VirtioConsole(backend(console)), Optional.empty());
            }
            default -> throw new IllegalStateException("no maker for " + place.driver());
        };
    }

    private Endpoint virtio(PciPlan.Placement place, VirtioDevice device, Optional<RawFile> disk) {
        VirtioPci.Access access =
                place.options().on("iommu_platform")
                        ? VirtioPci.Access.PLATFORM
                        : VirtioPci.Access.DIRECT;
        if (place.options().on("ats")) {
            return virtioWithAts(place, device, disk);
        }
        MailboxLoop loop = loops.apply(place.name());
        VirtioPci transport = new VirtioPci(place.name(), device, loop, access);
        return new Endpoint(
                        place,
                        transport.function(),
                        loop,
                        disk,
                        Optional.empty(),
                        transport::remove)
                .withQueues(transport::queues);
    }

    private Endpoint virtioWithAts(
            PciPlan.Placement place, VirtioDevice device, Optional<RawFile> disk) {
        AtomicReference<Atc> atc = new AtomicReference<>();
        MailboxLoop loop = loops.apply(place.name());
        VirtioPci transport =
                VirtioPci.withAts(
                        place.name(),
                        device,
                        loop,
                        function -> {
                            Atc cache = Atc.on(function.ats(), VIRTIO_ATC);
                            atc.set(cache);
                            return new CachedDmaPort(function.dma(), function.ats(), cache);
                        });
        return new Endpoint(
                        place,
                        transport.function(),
                        loop,
                        disk,
                        Optional.of(atc.get()),
                        transport::remove)
                .withQueues(transport::queues);
    }

    private RawFile disk(DeviceOptions options) throws ConfigException {
        DriveConfig drive = drives.get(options.text("drive"));
        if (options.text("drive").isEmpty()) {
            throw new ConfigException(options.origin() + ": drive= is missing");
        }
        if (drive == null) {
            throw options.wrong(
                    "drive", "no such drive" + DeviceOptions.suggest("", drives.keySet()));
        }
        if (!used.add("drive " + drive.id())) {
            throw options.wrong("drive", "another device has it already");
        }
        try {
            return drive.readOnly()
                    ? RawFile.openReadOnly(drive.file())
                    : RawFile.open(drive.file());
        } catch (DiskImageException e) {
            release(options);
            throw new ConfigException("-drive id=" + drive.id() + ": " + e.getMessage(), e);
        }
    }

    private static String serial(DeviceOptions options) throws ConfigException {
        String serial = options.text("serial");
        if (serial.isEmpty()) {
            return options.text("drive");
        }
        if (!serial.matches("[ -~]{1,20}")) {
            throw options.wrong("serial", "must be up to 20 printable ASCII characters");
        }
        return serial;
    }

    private CharBackend backend(DeviceOptions console) throws ConfigException {
        String id = console.text("chardev");
        CharBackend backend = backends.get(id);
        if (id.isEmpty()) {
            throw new ConfigException(console.origin() + ": chardev= is missing");
        }
        if (backend == null) {
            throw console.wrong("chardev", "no such character backend");
        }
        if (id.equals(Machine.SERIAL0) || !used.add("chardev " + id)) {
            throw console.wrong("chardev", "another device has it already");
        }
        return backend;
    }
}
