package nestor.machine;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import java.util.function.IntPredicate;
import nestor.iommu.host.HostCapabilities;
import nestor.iommu.host.HostException;
import nestor.iommu.host.HostIommu;
import nestor.iommufd.HostSystem;
import nestor.iommufd.IommufdHost;
import nestor.iommufd.Uapi.IrqInfo;
import nestor.iommufd.VfioDevice;
import nestor.machine.vfio.EventReader;
import nestor.machine.vfio.ExtendedOffer;
import nestor.machine.vfio.VfioFunction;
import nestor.pci.PciFunction;
import nestor.vmm.loop.DeviceLoop;
import nestor.vmm.memory.GuestMemory;
import org.jspecify.annotations.Nullable;

/**
 * The host's devices that the guest has ({@code vfio-pci}), and the iommufds they are bound to. An
 * iommufd is opened with its first device. A function in front of which the guest has an IOMMU is
 * that model's, which tells the host what the guest means; without one it reaches the guest's RAM.
 *
 * <p>Made and released on any thread; the lock guards the lists. Assignments are made on the loop
 * of the IOMMU that they concern.
 */
final class AssignedDevices {
    static final String DRIVER = "vfio-pci";
    static final String OBJECT = "iommufd";

    /** What a user is told to do about a host that cannot. */
    private static final String ADVICE = "; 'nestor doctor' says what this host can assign";

    private static final int ENODEV = 19;
    private static final int EINVAL = 22;

    private static final System.Logger LOG = System.getLogger(AssignedDevices.class.getName());

    /** Where the host's devices come from: loaded with the first that is asked for. */
    interface Host {
        HostSystem system() throws HostException;
    }

    /** A guest's IOMMU, as devices are given to it and taken back: both on its loop. */
    interface GuestIommu {
        /** Whether a host can do what this offers the guest already; if not, says what it lacks. */
        void check(HostCapabilities host) throws ConfigException;

        void assign(int rid, HostIommu host) throws HostException;

        void unassign(int rid);
    }

    private record Guard(IntPredicate rids, DeviceLoop loop, GuestIommu iommu) {}

    /** An iommufd that is open. */
    private record Opened(HostSystem system, IommufdHost host, EventReader reader) {}

    /** One device. */
    private static final class Assigned {
        final String name;
        final Opened opened;
        final VfioDevice device;
        final HostCapabilities capabilities;
        final boolean behindPort;
        @Nullable VfioFunction function;
        int request = -1;

        /** Guarded by this: the IOMMU that has it, and as what. */
        @Nullable Guard guard;

        int rid;
        boolean released;

        Assigned(
                String name,
                Opened opened,
                VfioDevice device,
                HostCapabilities capabilities,
                boolean behindPort) {
            this.name = name;
            this.opened = opened;
            this.device = device;
            this.capabilities = capabilities;
            this.behindPort = behindPort;
        }
    }

    private final Map<String, DeviceOptions> objects = new LinkedHashMap<>();
    private final Host host;
    private final GuestMemory memory;
    private final Thread.UncaughtExceptionHandler onEscape;
    private final Map<String, Opened> opened = new LinkedHashMap<>();
    private final List<Guard> guards = new CopyOnWriteArrayList<>();
    private final List<Assigned> devices = new CopyOnWriteArrayList<>();
    private volatile Consumer<String> onRequest = _ -> {};

    /** Whether functions are assigned as soon as they have a number: when the board is complete. */
    private volatile boolean complete;

    AssignedDevices(
            List<DeviceConfig> objects,
            Host host,
            GuestMemory memory,
            Thread.UncaughtExceptionHandler onEscape)
            throws ConfigException {
        this.host = host;
        this.memory = memory;
        this.onEscape = onEscape;
        for (DeviceConfig object : objects) {
            String origin = "-object " + object.driver();
            if (!object.driver().equals(OBJECT)) {
                throw new ConfigException(origin + ": unknown object; known: " + OBJECT);
            }
            DeviceOptions options =
                    DeviceOptions.check(origin, DeviceCatalog.IOMMUFD, object.properties());
            String id = options.text("id");
            if (id.isEmpty()) {
                throw new ConfigException(origin + ": id= is missing");
            }
            if (this.objects.put(id, options) != null) {
                throw options.wrong("id", "another object has it already");
            }
        }
    }

    /** Without objects, and so without devices. */
    static AssignedDevices none() {
        try {
            return new AssignedDevices(
                    List.of(),
                    () -> {
                        throw new HostException("a machine without objects", ENODEV);
                    },
                    GuestMemory.over(List.of()),
                    (_, _) -> {});
        } catch (ConfigException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Whom the host's wish to have a device back is told to, by the device's name. */
    void onRequest(Consumer<String> listener) {
        onRequest = listener;
    }

    /** A guest's IOMMU in front of {@code rids}. */
    void behind(IntPredicate rids, DeviceLoop loop, GuestIommu iommu) {
        guards.add(new Guard(rids, loop, iommu));
    }

    /** What the host's IOMMUs behind functions of {@code rids} can do. */
    List<HostCapabilities> capabilities(IntPredicate rids) {
        return devices.stream()
                .filter(device -> device.behindPort || rids.test(rid(device)))
                .map(device -> device.capabilities)
                .toList();
    }

    private static int rid(Assigned device) {
        VfioFunction function = device.function;
        return function == null ? 0 : function.function().rid();
    }

    /**
     * Opens a device; it is blocked.
     *
     * @param behindPort whether its number depends on how software numbers a bus
     * @return the function to plug
     */
    PciFunction open(String name, DeviceOptions options, boolean behindPort)
            throws ConfigException {
        Opened iommufd = iommufd(options);
        VfioDevice device = null;
        try {
            String path = iommufd.system().cdev(sysfs(options));
            device = iommufd.host().bind(path);
            Assigned assigned =
                    new Assigned(
                            name, iommufd, device, iommufd.host().capabilities(device), behindPort);
            if (complete) {
                for (Guard guard : guards) {
                    guard.iommu().check(assigned.capabilities);
                }
            }
            VfioFunction function =
                    new VfioFunction(
                            name,
                            device,
                            iommufd.reader(),
                            offer(options, assigned),
                            () -> renumbered(assigned));
            assigned.function = function;
            listen(assigned);
            devices.add(assigned);
            return function.function();
        } catch (HostException | IllegalArgumentException e) {
            if (device != null) {
                device.close();
            }
            throw new ConfigException(options.origin() + ": " + e.getMessage() + ADVICE, e);
        } catch (ConfigException e) {
            if (device != null) {
                device.close();
            }
            throw e;
        }
    }

    private static String sysfs(DeviceOptions options) throws ConfigException {
        String host = options.text("host");
        String directory = options.text("sysfsdev");
        if (host.isEmpty() == directory.isEmpty()) {
            throw new ConfigException(options.origin() + ": one of host= and sysfsdev= is needed");
        }
        if (host.isEmpty()) {
            return directory;
        }
        if (!host.matches("([0-9a-fA-F]{4}:)?[0-9a-fA-F]{2}:[0-9a-fA-F]{2}\\.[0-7]")) {
            throw options.wrong("host", "must be an address, such as 0000:01:00.0");
        }
        return "/sys/bus/pci/devices/" + (host.length() > 7 ? host : "0000:" + host);
    }

    private synchronized Opened iommufd(DeviceOptions options) throws ConfigException {
        String id = options.text("iommufd");
        if (id.isEmpty()) {
            throw new ConfigException(
                    options.origin() + ": iommufd= is missing: the id of an -object iommufd,id=ID");
        }
        DeviceOptions object = objects.get(id);
        if (object == null) {
            throw options.wrong(
                    "iommufd", "no such object" + DeviceOptions.suggest(id, objects.keySet()));
        }
        Opened known = opened.get(id);
        if (known != null) {
            return known;
        }
        IommufdHost iommufd = null;
        try {
            HostSystem system = host.system();
            iommufd = IommufdHost.open(system, memory);
            var reader = new EventReader("vfio-" + id, system, iommufd, onEscape);
            Opened now = new Opened(system, iommufd, reader);
            opened.put(id, now);
            return now;
        } catch (HostException e) {
            if (iommufd != null) {
                iommufd.close();
            }
            throw new ConfigException(object.origin() + ": " + e.getMessage() + ADVICE, e);
        }
    }

    /** What the user asked for must be there; by default what is there is shown. */
    private static ExtendedOffer offer(DeviceOptions options, Assigned device)
            throws ConfigException, HostException {
        int pasidBits =
                switch (device.capabilities) {
                    case HostCapabilities.None _ -> 0;
                    case HostCapabilities.Vtd vtd -> vtd.maxPasidLog2();
                    case HostCapabilities.SmmuV3 smmu -> smmu.maxPasidLog2();
                };
        long features = device.opened.host().features(device.device);
        ExtendedOffer all = ExtendedOffer.of(device.device, pasidBits, features);
        return all.only(
                wanted(options, "pasid", all.pasid()),
                wanted(options, "ats", all.ats()),
                wanted(options, "pri", all.pri()));
    }

    private static boolean wanted(DeviceOptions options, String name, Optional<?> there)
            throws ConfigException {
        String value = options.text(name);
        if (value.equals("on") && there.isEmpty()) {
            throw options.wrong(name, "the host's device, or its IOMMU, has none");
        }
        return !value.equals("off");
    }

    /** The host's driver can ask for the device, and say that it has failed. */
    private void listen(Assigned device) {
        try {
            if (device.device.irqs(IrqInfo.INDEX_REQ).count() > 0) {
                EventReader reader = device.opened.reader();
                int fd =
                        reader.add(() -> {
                            LOG.log(
                                    System.Logger.Level.INFO,
                                    device.name + ": the host wants the device back");
                            onRequest.accept(device.name);
                        });
                device.request = fd;
                device.device.signal(IrqInfo.INDEX_REQ, 0, fd);
            }
        } catch (HostException e) {
            LOG.log(
                    System.Logger.Level.INFO,
                    device.name + ": the host cannot ask for it: " + e.getMessage());
        }
    }

    /**
     * The board is complete: assigns what has a number.
     *
     * @throws ConfigException if the host refuses one of the devices
     */
    void start() throws ConfigException {
        complete = true;
        for (Assigned device : devices) {
            try {
                place(device);
            } catch (HostException e) {
                throw new ConfigException(
                        "-device %s (%s): %s%s"
                                .formatted(DRIVER, device.name, e.getMessage(), ADVICE),
                        e);
            }
        }
    }

    private void renumbered(Assigned device) {
        if (!complete) {
            return;
        }
        try {
            place(device);
        } catch (HostException e) {
            LOG.log(
                    System.Logger.Level.WARNING,
                    device.name + ": stays blocked: " + e.getMessage());
        }
    }

    /** Gives a device to the IOMMU in front of its present number, and takes it from the last. */
    private void place(Assigned device) throws HostException {
        int rid = rid(device);
        Guard to = null;
        for (Guard guard : guards) {
            if (to == null && guard.rids().test(rid)) {
                to = guard;
            }
        }
        if (to != null && isElsewhere(device, to)) {
            throw new HostException(
                    "an iommufd behind two of the guest's IOMMUs (each takes its own -object)",
                    EINVAL);
        }
        Guard from;
        int before;
        boolean numbered = !device.behindPort || rid >>> 8 != 0;
        synchronized (device) {
            if (device.released) {
                return;
            }
            from = device.guard;
            before = device.rid;
            device.guard = numbered ? to : null;
            device.rid = rid;
        }
        if (from != null) {
            run(from, () -> from.iommu().unassign(before));
        }
        IommufdHost iommufd = device.opened.host();
        if (!numbered) {
            return;
        }
        if (to == null) {
            iommufd.passThrough(device.device);
            return;
        }
        GuestIommu iommu = to.iommu();
        run(
                to,
                () -> {
                    iommufd.add(rid, device.device);
                    try {
                        iommu.assign(rid, iommufd);
                    } catch (HostException e) {
                        iommu.unassign(rid);
                        throw e;
                    } finally {
                        device.opened.reader().changed();
                    }
                });
    }

    /** An iommufd is one host IOMMU to its guest: it follows the invalidations of one model. */
    private boolean isElsewhere(Assigned device, Guard to) {
        return devices.stream()
                .filter(other -> other != device && other.opened.equals(device.opened))
                .map(AssignedDevices::guardOf)
                .anyMatch(guard -> guard != null && !guard.equals(to));
    }

    private static @Nullable Guard guardOf(Assigned device) {
        synchronized (device) {
            return device.guard;
        }
    }

    private interface Step {
        void run() throws HostException;
    }

    /** On the IOMMU's loop; waits for it. */
    private static void run(Guard guard, Step step) throws HostException {
        var ended = new CompletableFuture<Optional<HostException>>();
        guard.loop()
                .post(() -> {
                    try {
                        step.run();
                        ended.complete(Optional.empty());
                    } catch (HostException e) {
                        ended.complete(Optional.of(e));
                    }
                });
        Optional<HostException> failure = ended.join();
        if (failure.isPresent()) {
            throw failure.get();
        }
    }

    /** Takes a device from the guest and gives it back to the host; once. */
    void release(PciFunction function) {
        devices.stream()
                .filter(device -> isOf(device, function))
                .findFirst()
                .ifPresent(this::release);
    }

    private static boolean isOf(Assigned device, PciFunction function) {
        VfioFunction its = device.function;
        return its != null && its.function().equals(function);
    }

    private void release(Assigned device) {
        VfioFunction function = device.function;
        if (function == null || !devices.remove(device)) {
            return;
        }
        Guard from;
        int rid;
        synchronized (device) {
            device.released = true;
            from = device.guard;
            rid = device.rid;
            device.guard = null;
        }
        if (from != null) {
            try {
                run(from, () -> from.iommu().unassign(rid));
            } catch (HostException e) {
                LOG.log(System.Logger.Level.WARNING, device.name + ": " + e.getMessage());
            }
        }
        function.close();
        if (device.request >= 0) {
            device.opened.reader().remove(device.request);
        }
        device.opened.reader().changed();
    }

    /** Everything goes back to the host; no vCPU runs, and the IOMMUs' loops still do. */
    synchronized void close() {
        List.copyOf(devices).forEach(this::release);
        opened.values()
                .forEach(iommufd -> {
                    iommufd.reader().close();
                    iommufd.host().close();
                });
        opened.clear();
    }
}
