package nestor.machine;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/**
 * Which device goes where: the devices of a configuration, checked, with a place for each.
 *
 * @param placements root ports first, then in the order of the configuration
 * @param roots numbers of the root buses by name
 * @param smmus the {@code arm-smmuv3} devices
 * @param vtds the {@code intel-iommu} devices
 * @param consoles the {@code virtconsole} of each {@code virtio-serial-pci}, by the latter's index
 *     among the placements
 */
record PciPlan(
        List<Placement> placements,
        Map<String, Integer> roots,
        List<DeviceOptions> smmus,
        List<DeviceOptions> vtds,
        Map<Integer, DeviceOptions> consoles) {
    static final String ROOT_BUS = "pcie.0";

    /** A further root bus. */
    static final String EXPANDER = "pxb-pcie";

    static final String ROOT_PORT = "pcie-root-port";

    private static final String SERIAL = "virtio-serial-pci";
    private static final String CONSOLE = "virtconsole";
    private static final String IOMMU = "virtio-iommu-pci";
    private static final int SLOTS = 32;
    private static final int MAX_BUS = 255;

    /**
     * A device's place.
     *
     * @param bus name of a root bus, or the id of a root port
     */
    record Placement(DeviceOptions options, String driver, String bus, int slot, int function) {
        /** The user's id, or a name made from the driver and the place. */
        String name() {
            String id = options.text("id");
            return id.isEmpty() ? "%s@%s:%02x.%d".formatted(driver, bus, slot, function) : id;
        }
    }

    static PciPlan of(List<DeviceConfig> devices) throws ConfigException {
        Planner planner = new Planner();
        for (DeviceConfig device : devices) {
            planner.add(device, DeviceOptions.of(device));
        }
        return planner.plan();
    }

    private static final class Planner {
        private record Wanted(DeviceOptions options, String driver) {}

        private final List<Wanted> ports = new ArrayList<>();
        private final List<Wanted> others = new ArrayList<>();
        private final List<DeviceOptions> consoles = new ArrayList<>();
        private final List<DeviceOptions> smmus = new ArrayList<>();
        private final List<DeviceOptions> vtds = new ArrayList<>();
        private final Map<String, Integer> roots = new LinkedHashMap<>(Map.of(ROOT_BUS, 0));
        private final Map<String, String> idOrigins = new LinkedHashMap<>();
        private final TreeSet<String> taken = new TreeSet<>();

        void add(DeviceConfig device, DeviceOptions options) throws ConfigException {
            String id = options.text("id");
            if (!id.isEmpty() && idOrigins.put(id, options.origin()) != null) {
                throw options.wrong("id", "another device has it already");
            }
            switch (device.driver()) {
                case CONSOLE -> consoles.add(options);
                case SmmuUnits.DRIVER -> smmus.add(options);
                case RemappingUnits.DRIVER -> vtds.add(options);
                case EXPANDER -> addRoot(options);
                case ROOT_PORT -> ports.add(new Wanted(options, device.driver()));
                default -> others.add(new Wanted(options, device.driver()));
            }
        }

        private void addRoot(DeviceOptions options) throws ConfigException {
            String id = options.text("id");
            if (id.isEmpty() || id.equals(ROOT_BUS)) {
                throw options.wrong("id", "a root bus needs a name of its own");
            }
            if (options.text("bus_nr").isEmpty()) {
                throw new ConfigException(options.origin() + ": bus_nr= is missing");
            }
            long number = options.number("bus_nr");
            if (number < 1 || number > MAX_BUS) {
                throw options.wrong("bus_nr", "must be 1 to " + MAX_BUS);
            }
            if (roots.containsValue((int) number)) {
                throw options.wrong("bus_nr", "another root bus has it already");
            }
            roots.put(id, (int) number);
        }

        PciPlan plan() throws ConfigException {
            List<Wanted> all = new ArrayList<>(ports);
            all.addAll(others);
            for (Wanted wanted : all) {
                checkBus(wanted);
                if (!wanted.options.text("addr").isEmpty()) {
                    reserve(wanted);
                }
            }
            List<Placement> placements = new ArrayList<>();
            for (Wanted wanted : all) {
                placements.add(place(wanted));
            }
            if (placements.stream().filter(p -> p.driver.equals(IOMMU)).count() > 1) {
                throw new ConfigException("-device " + IOMMU + ": a machine has one IOMMU at most");
            }
            return new PciPlan(placements, roots, smmus, vtds, attachConsoles(placements));
        }

        private void checkBus(Wanted wanted) throws ConfigException {
            String bus = bus(wanted.options);
            boolean onRoot = roots.containsKey(bus);
            boolean behindPort =
                    ports.stream().anyMatch(port -> port.options.text("id").equals(bus));
            if (!onRoot && !behindPort) {
                throw wanted.options.wrong(
                        "bus",
                        "no such bus; %s, or the id of a %s or %s"
                                .formatted(ROOT_BUS, ROOT_PORT, EXPANDER));
            }
            if (wanted.driver.equals(ROOT_PORT) && !onRoot) {
                throw wanted.options.wrong("bus", "a root port goes on a root bus");
            }
            if (wanted.driver.equals(IOMMU) && !bus.equals(ROOT_BUS)) {
                throw wanted.options.wrong("bus", "this device goes on " + ROOT_BUS + " only");
            }
        }

        private void reserve(Wanted wanted) throws ConfigException {
            DeviceOptions options = wanted.options;
            int slot = slot(options);
            int function = function(options);
            boolean behindPort = !roots.containsKey(bus(options));
            if (slot >= SLOTS) {
                throw options.wrong("addr", "slots are 0 to 1f");
            }
            if (behindPort && slot != 0) {
                throw options.wrong("addr", "behind a root port there is slot 0 only");
            }
            if (wanted.driver.equals(ROOT_PORT) && function != 0) {
                throw options.wrong("addr", "a root port is function 0");
            }
            if (!taken.add(key(bus(options), slot, function))) {
                throw options.wrong("addr", "the place is taken");
            }
        }

        private Placement place(Wanted wanted) throws ConfigException {
            DeviceOptions options = wanted.options;
            String bus = bus(options);
            if (!options.text("addr").isEmpty()) {
                return new Placement(options, wanted.driver, bus, slot(options), function(options));
            }
            boolean onRoot = roots.containsKey(bus);
            int first =
                    bus.equals(ROOT_BUS) ? 1 : 0; // slot 0 of bus 0 is the host bridge's, by custom
            int last = onRoot ? SLOTS - 1 : 0;
            for (int slot = first; slot <= last; slot++) {
                if (isFree(bus, slot)) {
                    taken.add(key(bus, slot, 0));
                    return new Placement(options, wanted.driver, bus, slot, 0);
                }
            }
            throw new ConfigException(
                    "%s: no free slot on bus %s".formatted(options.origin(), bus));
        }

        private boolean isFree(String bus, int slot) {
            String prefix = key(bus, slot, 0);
            return taken.stream()
                    .noneMatch(place -> place.startsWith(prefix.substring(0, prefix.length() - 1)));
        }

        private Map<Integer, DeviceOptions> attachConsoles(List<Placement> placements)
                throws ConfigException {
            Map<Integer, DeviceOptions> attached = new LinkedHashMap<>();
            for (DeviceOptions console : consoles) {
                int controller = controllerOf(console, placements, attached);
                if (attached.put(controller, console) != null) {
                    throw console.wrong("bus", "the controller has a console already");
                }
            }
            for (int i = 0; i < placements.size(); i++) {
                if (placements.get(i).driver.equals(SERIAL) && !attached.containsKey(i)) {
                    throw new ConfigException(
                            "-device %s: needs a %s to plug into it".formatted(SERIAL, CONSOLE));
                }
            }
            return attached;
        }

        private static int controllerOf(
                DeviceOptions console,
                List<Placement> placements,
                Map<Integer, DeviceOptions> attached)
                throws ConfigException {
            String bus = console.text("bus");
            for (int i = 0; i < placements.size(); i++) {
                Placement candidate = placements.get(i);
                boolean named = bus.equals(candidate.options.text("id") + ".0");
                if (candidate.driver.equals(SERIAL)
                        && (named || (bus.isEmpty() && !attached.containsKey(i)))) {
                    return i;
                }
            }
            if (bus.isEmpty()) {
                throw new ConfigException("-device %s: no free %s".formatted(CONSOLE, SERIAL));
            }
            throw console.wrong("bus", "no such bus; <id of a " + SERIAL + ">.0");
        }

        private static String bus(DeviceOptions options) {
            String bus = options.text("bus");
            return bus.isEmpty() ? ROOT_BUS : bus;
        }

        private static int slot(DeviceOptions options) {
            String address = options.text("addr").replaceFirst("^0x", "");
            return Integer.parseInt(address.split("\\.", -1)[0], 16);
        }

        private static int function(DeviceOptions options) {
            String[] parts = options.text("addr").split("\\.", -1);
            return parts.length > 1 ? Integer.parseInt(parts[1]) : 0;
        }

        private static String key(String bus, int slot, int function) {
            return "%s/%02x.%d".formatted(bus, slot, function);
        }
    }
}
