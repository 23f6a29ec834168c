package nestor.machine;

import java.io.IOException;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import nestor.pci.RootPort;

/**
 * Devices that come and go behind root ports while the machine runs. Any thread; the lock guards
 * who has which name and port, and is never held while a device, a port or the guest is called.
 */
final class HotPlug {
    private static final System.Logger LOG = System.getLogger(HotPlug.class.getName());

    /** What is part of the root complex, or takes its console at the machine's start. */
    private static final Set<String> FIXED =
            Set.of(
                    "pcie-root-port",
                    PciPlan.EXPANDER,
                    SmmuUnits.DRIVER,
                    RemappingUnits.DRIVER,
                    "virtio-iommu-pci",
                    "virtio-serial-pci",
                    "virtconsole");

    private final PciDevices devices;
    private final Object lock = new Object();

    /** Names and ports of devices that are about to be plugged. */
    private final Set<String> pending = new HashSet<>();

    private boolean closed;
    private volatile Consumer<String> onDeleted = _ -> {};

    HotPlug(PciDevices devices) {
        this.devices = devices;
        devices.onSurpriseRemoval(this::surprise);
    }

    /** A device leaves by itself, if it is still there. */
    private void surprise(String id) {
        try {
            removeSurprise(id);
        } catch (ConfigException e) {
            LOG.log(System.Logger.Level.WARNING, e.getMessage());
        }
    }

    void onDeleted(Consumer<String> listener) {
        onDeleted = listener;
    }

    void add(DeviceConfig device) throws ConfigException {
        DeviceOptions options = DeviceOptions.of("device_add", device);
        if (FIXED.contains(device.driver())) {
            throw new ConfigException(options.origin() + ": not hot-pluggable");
        }
        PciPlan.Placement place = reserve(device.driver(), options);
        try {
            Endpoint endpoint = devices.make(place, null);
            synchronized (lock) {
                if (closed) {
                    throw new ConfigException(options.origin() + ": the machine has ended");
                }
                devices.endpoints().add(endpoint);
            }
            port(place).hotPlug(endpoint.function());
        } finally {
            synchronized (lock) {
                pending.remove(place.name());
                pending.remove(place.bus());
            }
        }
    }

    void unplug(String id) throws ConfigException {
        Endpoint endpoint = find("device_del", id);
        RootPort port = port(endpoint.place());
        List<Endpoint> all = behind(endpoint.place().bus());
        RootPort.Unplug outcome = port.unplug(() -> retire(all));
        if (outcome == RootPort.Unplug.BUSY) {
            throw new ConfigException(
                    "device_del %s: the guest is busy with the slot; try again".formatted(id));
        }
    }

    /** The host wants a device back: the guest is asked to let it go, if it can. */
    void request(String id) {
        try {
            unplug(id);
        } catch (ConfigException e) {
            LOG.log(System.Logger.Level.WARNING, "the host's request: " + e.getMessage());
        }
    }

    void removeSurprise(String id) throws ConfigException {
        Endpoint endpoint = find("device_remove_surprise", id);
        RootPort port = port(endpoint.place());
        List<Endpoint> all = behind(endpoint.place().bus());
        endpoint.leave(() -> port.removeSurprise(() -> retire(all)));
    }

    private void retire(List<Endpoint> all) {
        devices.functionsLeft();
        all.forEach(this::retire);
    }

    /** From here on nothing is added. */
    void close() {
        synchronized (lock) {
            closed = true;
        }
    }

    private PciPlan.Placement reserve(String driver, DeviceOptions options) throws ConfigException {
        String address = options.text("addr").replaceFirst("^0x", "");
        if (!address.matches("(0{1,2}(\\.0)?)?")) {
            throw options.wrong("addr", "behind a root port there is slot 0, function 0 only");
        }
        synchronized (lock) {
            if (closed) {
                throw new ConfigException(options.origin() + ": the machine has ended");
            }
            String bus = freePort(options);
            PciPlan.Placement place = new PciPlan.Placement(options, driver, bus, 0, 0);
            if (pending.contains(place.name()) || devices.isNamed(place.name())) {
                throw options.wrong("id", "another device has it already");
            }
            pending.add(place.name());
            pending.add(bus);
            return place;
        }
    }

    private String freePort(DeviceOptions options) throws ConfigException {
        String wanted = options.text("bus");
        Map<String, RootPort> ports = devices.ports();
        if (wanted.isEmpty()) {
            return ports.keySet().stream()
                    .filter(this::isFree)
                    .findFirst()
                    .orElseThrow(() ->
                            new ConfigException(
                                    options.origin()
                                            + ": no free port; -device pcie-root-port,id=ID adds"
                                            + " one before the machine runs"));
        }
        if (devices.roots().containsKey(wanted)) {
            throw options.wrong("bus", "not hot-pluggable; name a pcie-root-port");
        }
        if (!ports.containsKey(wanted)) {
            throw options.wrong(
                    "bus", "no such port" + DeviceOptions.suggest(wanted, ports.keySet()));
        }
        if (!isFree(wanted)) {
            throw options.wrong("bus", "the port's slot is taken");
        }
        return wanted;
    }

    /** A device that has left its slot but is not closed yet still counts. */
    private boolean isFree(String port) {
        return !pending.contains(port) && behind(port).isEmpty();
    }

    private List<Endpoint> behind(String port) {
        return devices.endpoints().stream().filter(e -> e.place().bus().equals(port)).toList();
    }

    private RootPort port(PciPlan.Placement place) {
        RootPort port = devices.ports().get(place.bus());
        if (port == null) {
            throw new IllegalStateException("no root port " + place.bus());
        }
        return port;
    }

    private Endpoint find(String command, String id) throws ConfigException {
        for (Endpoint endpoint : devices.endpoints()) {
            if (endpoint.name().equals(id)) {
                if (devices.roots().containsKey(endpoint.place().bus())) {
                    throw new ConfigException(
                            "%s %s: not hot-pluggable: it is integrated on %s"
                                    .formatted(command, id, PciPlan.ROOT_BUS));
                }
                return endpoint;
            }
        }
        if (devices.isNamed(id)) {
            throw new ConfigException("%s %s: not hot-pluggable".formatted(command, id));
        }
        List<String> removable =
                devices.endpoints().stream()
                        .filter(e -> !devices.roots().containsKey(e.place().bus()))
                        .map(Endpoint::name)
                        .toList();
        throw new ConfigException(
                "%s %s: no such device%s"
                        .formatted(
                                command,
                                id,
                                removable.isEmpty() ? "" : DeviceOptions.suggest(id, removable)));
    }

    /** The device is off the bus and no request of it is left: stops it on its loop. */
    private void retire(Endpoint endpoint) {
        endpoint.leave(() -> {});
        endpoint.loop().post(() -> finish(endpoint));
    }

    private void finish(Endpoint endpoint) {
        try {
            endpoint.close();
        } catch (IOException e) {
            // What was written is with the host; only the file's handle is in doubt.
            LOG.log(System.Logger.Level.WARNING, endpoint.name() + ": " + e.getMessage());
        }
        if (devices.endpoints().remove(endpoint)) {
            devices.chaos().remove(endpoint.name());
            devices.release(endpoint.place().options());
            onDeleted.accept(endpoint.name());
        }
    }
}
