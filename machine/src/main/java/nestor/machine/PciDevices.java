package nestor.machine;

import java.io.IOException;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import nestor.endpoints.DiskImageException;
import nestor.endpoints.Edu;
import nestor.endpoints.RawFile;
import nestor.endpoints.VirtioBlk;
import nestor.endpoints.VirtioConsole;
import nestor.endpoints.VirtioRng;
import nestor.pci.PciFunction;
import nestor.pci.PciHost;
import nestor.pci.RootPort;
import nestor.virtio.VirtioDevice;
import nestor.virtio.iommu.IovaRange;
import nestor.virtio.iommu.VirtioIommu;
import nestor.virtio.iommu.VirtioIommuConfig;
import nestor.virtio.pci.VirtioPci;
import nestor.vmm.chardev.CharBackend;
import nestor.vmm.loop.MailboxLoop;
import org.jspecify.annotations.Nullable;

/** Makes the devices of a plan, plugs them, and keeps what must be closed in the end. */
final class PciDevices {
    /** Tasks that whoever posts to an idle loop runs itself. */
    private static final int LOOP_BUDGET = 64;

    /** How long a shutdown waits for one loop's work under way. */
    private static final long QUIESCE_SECONDS = 5;

    private static final int BLK_QUEUES = 1;
    private static final int MIN_IOVA_BITS = 32;

    private final PciHost host;
    private final Map<String, CharBackend> backends;
    private final Map<String, DriveConfig> drives;
    private final Thread.UncaughtExceptionHandler onEscape;
    private final Map<String, RootPort> ports = new HashMap<>();
    private final Set<String> used = new HashSet<>();
    private final List<MailboxLoop> endpointLoops = new ArrayList<>();
    private final List<RawFile> disks = new ArrayList<>();
    private @Nullable MailboxLoop iommuLoop;
    private @Nullable VirtioIommu iommu;
    private OptionalInt iommuRid = OptionalInt.empty();

    PciDevices(
            PciHost host,
            Map<String, CharBackend> backends,
            List<DriveConfig> drives,
            Thread.UncaughtExceptionHandler onEscape)
            throws ConfigException {
        this.host = host;
        this.backends = backends;
        this.onEscape = onEscape;
        this.drives = new LinkedHashMap<>();
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

    void plug(PciPlan plan) throws ConfigException {
        for (int i = 0; i < plan.placements().size(); i++) {
            PciPlan.Placement place = plan.placements().get(i);
            if (place.driver().equals("pcie-root-port")) {
                ports.put(place.options().text("id"), host.addRootPort(place.name(), place.slot()));
                continue;
            }
            PciFunction function = make(place, plan.consoles().get(i));
            RootPort port = ports.get(place.bus());
            if (port == null) {
                host.plug(place.slot(), place.function(), function);
            } else {
                port.plug(place.function(), function);
            }
            VirtioIommu agent = iommu;
            if (place.driver().equals("virtio-iommu-pci") && agent != null) {
                if (host.hasIommu()) {
                    throw new ConfigException(
                            "-device virtio-iommu-pci: the board has an IOMMU already; use it or"
                                    + " -machine virt,iommu=none");
                }
                int rid = function.rid();
                iommuRid = OptionalInt.of(rid);
                host.iommu(agent, requester -> requester != rid);
            }
        }
    }

    private PciFunction make(PciPlan.Placement place, @Nullable DeviceOptions console)
            throws ConfigException {
        DeviceOptions options = place.options();
        return switch (place.driver()) {
            case "virtio-blk-pci" ->
                    virtio(place, new VirtioBlk(disk(options), serial(options), BLK_QUEUES));
            case "virtio-rng-pci" -> virtio(place, new VirtioRng(new SecureRandom()));
            case "virtio-serial-pci" -> {
                if (console == null) {
                    throw new IllegalStateException("a plan without the console");
                }
                yield virtio(place, new VirtioConsole(backend(console)));
            }
            case "virtio-iommu-pci" -> iommu(place);
            case "edu" ->
                    new Edu(place.name(), loop(place.name()), options.number("dma_mask"))
                            .function();
            default -> throw new IllegalStateException("no maker for " + place.driver());
        };
    }

    private PciFunction virtio(PciPlan.Placement place, VirtioDevice device) {
        VirtioPci.Access access =
                place.options().on("iommu_platform")
                        ? VirtioPci.Access.PLATFORM
                        : VirtioPci.Access.DIRECT;
        return new VirtioPci(place.name(), device, loop(place.name()), access).function();
    }

    private PciFunction iommu(PciPlan.Placement place) throws ConfigException {
        DeviceOptions options = place.options();
        long bits = options.number("aw-bits");
        if (bits < MIN_IOVA_BITS || bits > Long.SIZE) {
            throw options.wrong("aw-bits", "must be %d to %d".formatted(MIN_IOVA_BITS, Long.SIZE));
        }
        VirtioIommuConfig defaults = VirtioIommuConfig.defaults(options.on("boot-bypass"));
        VirtioIommuConfig config =
                new VirtioIommuConfig(
                        -granuleBytes(options.text("granule")),
                        new IovaRange(0, bits == Long.SIZE ? -1L : (1L << bits) - 1),
                        defaults.firstDomain(),
                        defaults.lastDomain(),
                        defaults.reserved(),
                        defaults.bootBypass(),
                        defaults.limits());
        VirtioIommu device = new VirtioIommu(config, this::isEndpoint);
        iommu = device;
        MailboxLoop loop = iommuLoop(place.name());
        return new VirtioPci(place.name(), device, loop, VirtioPci.Access.DIRECT).function();
    }

    private static long granuleBytes(String granule) {
        return switch (granule) {
            case "16k" -> 1 << 14;
            case "64k" -> 1 << 16;
            default -> 1 << 12;
        };
    }

    private boolean isEndpoint(int rid) {
        return iommuRid.orElse(-1) != rid
                && host.functions().stream().anyMatch(function -> function.rid() == rid);
    }

    /** The loop of the machine's IOMMU, which is closed after those of the endpoints. */
    MailboxLoop iommuLoop(String name) {
        MailboxLoop loop = new MailboxLoop(name, LOOP_BUDGET, onEscape);
        iommuLoop = loop;
        return loop;
    }

    private MailboxLoop loop(String name) {
        MailboxLoop loop = new MailboxLoop(name, LOOP_BUDGET, onEscape);
        endpointLoops.add(loop);
        return loop;
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
            RawFile disk =
                    drive.readOnly()
                            ? RawFile.openReadOnly(drive.file())
                            : RawFile.open(drive.file());
            disks.add(disk);
            return disk;
        } catch (DiskImageException e) {
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

    OptionalInt iommuRid() {
        return iommuRid;
    }

    void reset() {
        quiesce();
        host.reset();
        quiesce();
        if (iommu != null) {
            iommu.systemReset();
        }
    }

    /** Waits until work under way on the loops is done: endpoints first, then the IOMMU. */
    void quiesce() {
        endpointLoops.forEach(PciDevices::quiesce);
        if (iommuLoop != null) {
            quiesce(iommuLoop);
        }
    }

    private static void quiesce(MailboxLoop loop) {
        CountDownLatch done = new CountDownLatch(1);
        loop.post(done::countDown);
        try {
            if (!done.await(QUIESCE_SECONDS, TimeUnit.SECONDS)) {
                throw new IllegalStateException("a device's loop does not come to rest");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Everything written is on stable storage when this returns. */
    void flush() throws IOException {
        for (RawFile disk : disks) {
            if (!disk.isReadOnly()) {
                disk.flush();
            }
        }
    }

    /** Loops, then disks; the last failure of a disk is thrown after all are closed. */
    void close() throws IOException {
        endpointLoops.forEach(MailboxLoop::close);
        if (iommuLoop != null) {
            iommuLoop.close();
        }
        IOException failed = null;
        for (RawFile disk : disks) {
            try {
                disk.close();
            } catch (IOException e) {
                failed = e;
            }
        }
        if (failed != null) {
            throw failed;
        }
    }
}
