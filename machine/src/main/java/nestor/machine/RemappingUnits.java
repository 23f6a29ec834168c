package nestor.machine;

import static nestor.machine.DeviceProperty.text;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.IntPredicate;
import nestor.iommu.host.HostCapabilities;
import nestor.iommu.host.HostException;
import nestor.iommu.host.HostIommu;
import nestor.iommu.oracle.StaleTranslationOracle;
import nestor.machine.pc.PcMap;
import nestor.pci.ChaosKey;
import nestor.pci.PciHost;
import nestor.vmm.interrupt.MsiSink;
import nestor.vmm.loop.MailboxLoop;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.mmio.MmioBus;
import nestor.vmm.time.Clock;
import nestor.vtd.DmarTable;
import nestor.vtd.VtdOptions;
import nestor.vtd.VtdProperty;
import nestor.vtd.VtdUnit;
import nestor.vtd.VtdUnits;

/**
 * The VT-d units of the board, one for each {@code -device intel-iommu}: in front of a root bus and
 * what is below it, or of all functions that no other unit has.
 */
final class RemappingUnits {
    static final String DRIVER = "intel-iommu";
    static final List<DeviceProperty> PROPERTIES = properties();

    private static final String PRIMARY_BUS = "primary-bus";
    private static final int MAX_UNITS = 8;
    private static final int ALL = -1;
    private static final int MAX_RID = 0xffff;

    /**
     * A unit that is asked for.
     *
     * @param root number of the root bus, or {@link #ALL}
     */
    private record Wanted(
            String name,
            String origin,
            int root,
            VtdOptions options,
            Set<String> given,
            Optional<ChaosPlan> chaos) {}

    /** In the order of their addresses; the one of all other functions comes last. */
    private final List<Wanted> wanted = new ArrayList<>();

    private final List<VtdUnit> units = new ArrayList<>();

    /** The functions of each unit, by their RIDs. */
    private final List<IntPredicate> scopes = new ArrayList<>();

    private RemappingUnits() {}

    private static List<DeviceProperty> properties() {
        List<DeviceProperty> all = new ArrayList<>();
        all.add(text("id", "name of the device, unique"));
        all.add(
                text(
                        PRIMARY_BUS,
                        "root bus: pcie.0 or the id of a pxb-pcie (default: all that no other unit"
                                + " has)"));
        for (VtdProperty property : VtdProperty.values()) {
            all.add(property(property.title(), property, property.help()));
            for (String alias : property.aliases()) {
                all.add(property(alias, property, "older name of " + property.title()));
            }
        }
        return List.copyOf(all);
    }

    private static DeviceProperty property(String name, VtdProperty property, String help) {
        if (!property.isSwitch()) {
            return DeviceProperty.number(name, Integer.toString(property.defaultValue()), help);
        }
        return DeviceProperty.choice(
                name, property.defaultValue() == 0 ? "off" : "on", help, "on", "off", "auto");
    }

    /**
     * Reads the configuration.
     *
     * @param roots numbers of the root buses by name
     */
    static RemappingUnits of(List<DeviceOptions> devices, Map<String, Integer> roots)
            throws ConfigException {
        RemappingUnits units = new RemappingUnits();
        for (DeviceOptions device : devices) {
            String bus = device.text(PRIMARY_BUS);
            int root = bus.isEmpty() ? ALL : roots.getOrDefault(bus, ALL);
            if (root == ALL && !bus.isEmpty()) {
                throw device.wrong(
                        PRIMARY_BUS,
                        "no such root bus" + DeviceOptions.suggest(bus, roots.keySet()));
            }
            if (units.wanted.stream().anyMatch(unit -> unit.root == root)) {
                throw root == ALL
                        ? new ConfigException(
                                device.origin() + ": there is one already; give each a primary-bus")
                        : device.wrong(PRIMARY_BUS, "the bus has a unit already");
            }
            if (units.wanted.size() == MAX_UNITS) {
                throw new ConfigException(device.origin() + ": at most 8 of them");
            }
            String id = device.text("id");
            String name = id.isEmpty() ? DRIVER + units.wanted.size() : id;
            units.wanted.add(
                    new Wanted(
                            name,
                            device.origin(),
                            root,
                            options(device),
                            device.given().keySet(),
                            ChaosPlan.of(device, ChaosKey.Side.IOMMU)));
        }
        units.wanted.sort((a, b) -> Boolean.compare(a.root == ALL, b.root == ALL));
        return units;
    }

    private static VtdOptions options(DeviceOptions device) throws ConfigException {
        Map<String, String> given = new LinkedHashMap<>();
        Map<VtdProperty, String> names = new LinkedHashMap<>();
        for (Map.Entry<String, String> entry : device.given().entrySet()) {
            Optional<VtdProperty> property = VtdProperty.named(entry.getKey());
            if (property.isEmpty()) {
                continue;
            }
            String earlier = names.put(property.get(), entry.getKey());
            if (earlier != null) {
                throw device.wrong(entry.getKey(), "the same as " + earlier);
            }
            if (!entry.getValue().equals("auto")) {
                given.put(entry.getKey(), entry.getValue());
            }
        }
        try {
            return VtdOptions.of(given);
        } catch (IllegalArgumentException e) {
            throw new ConfigException(device.origin() + ": " + e.getMessage(), e);
        }
    }

    boolean isEmpty() {
        return wanted.isEmpty();
    }

    /**
     * Makes the units and puts them on the bus, and in front of their functions.
     *
     * @param apics takes interrupt messages once they are remapped
     * @return takes interrupt messages of functions and of the I/O APIC
     * @throws ConfigException if there is an IOMMU of another kind
     */
    MsiSink build(
            PciDevices pci,
            AssignedDevices assigned,
            PciHost host,
            GuestMemory memory,
            Clock clock,
            MmioBus bus,
            MsiSink apics)
            throws ConfigException {
        if (!wanted.isEmpty() && host.hasIommu()) {
            throw new ConfigException(
                    "-device virtio-iommu-pci: the board has an IOMMU already; use it or leave"
                            + " -device intel-iommu out");
        }
        List<VtdUnits.Scoped> scoped = new ArrayList<>();
        for (int i = 0; i < wanted.size(); i++) {
            Wanted one = wanted.get(i);
            IntPredicate functions = functions(one.root, host);
            MailboxLoop loop = pci.iommuLoop(one.name);
            VtdOptions options =
                    HostNarrowing.vtd(
                            one.origin,
                            one.options,
                            one.given::contains,
                            assigned.capabilities(functions));
            VtdUnit unit = new VtdUnit(options, memory, loop, clock, host::atsEndpoint, apics);
            bus.map(base(i), VtdUnit.REGISTER_BYTES, unit.registers());
            host.iommu(unit, functions);
            scopes.add(functions);
            assigned.behind(functions, loop, new Assignments(unit, one.origin, options));
            pci.onFunctionsLeft(unit::functionsLeft);
            units.add(unit);
            pci.addToChaos(one.name, one.origin, unit.chaos(), one.chaos);
            boolean hasIoApic = i == wanted.size() - 1;
            scoped.add(
                    new VtdUnits.Scoped(
                            sid -> sid == PcMap.IOAPIC_SID ? hasIoApic : functions.test(sid),
                            unit));
        }
        return new VtdUnits(scoped, apics);
    }

    private record Assignments(VtdUnit unit, String origin, VtdOptions options)
            implements AssignedDevices.GuestIommu {
        @Override
        public void check(HostCapabilities host) throws ConfigException {
            HostNarrowing.check(origin, options, host);
        }

        @Override
        public void assign(int rid, HostIommu host) throws HostException {
            unit.assign(rid, host);
        }

        @Override
        public void unassign(int rid) {
            unit.unassign(rid);
        }
    }

    private static long base(int index) {
        return PcMap.VTD + (long) index * VtdUnit.REGISTER_BYTES;
    }

    private static IntPredicate functions(int root, PciHost host) {
        int first = root == ALL ? 0 : root << 8;
        int last = root == ALL ? MAX_RID : host.lastBusOf(root) << 8 | 0xff;
        return rid -> rid >= first && rid <= last;
    }

    /**
     * What the operating system is told; empty if there are no units.
     *
     * @param plan where what is on root buses is
     */
    Optional<byte[]> dmar(PciPlan plan) {
        if (wanted.isEmpty()) {
            return Optional.empty();
        }
        List<DmarTable.Structure> structures = new ArrayList<>();
        for (int i = 0; i < wanted.size(); i++) {
            Wanted one = wanted.get(i);
            List<DmarTable.Scope> scopes = new ArrayList<>();
            if (one.root != ALL) {
                scopes.addAll(scopes(one.root, plan));
            }
            if (i == wanted.size() - 1) {
                scopes.add(
                        DmarTable.Scope.of(
                                DmarTable.ScopeType.IOAPIC, PcMap.IOAPIC_ID, PcMap.IOAPIC_SID));
            }
            structures.add(new DmarTable.Drhd(one.root == ALL, 0, base(i), scopes));
        }
        if (wanted.stream().anyMatch(one -> one.options.has(VtdProperty.DEVICE_IOTLB))) {
            structures.add(new DmarTable.Atsr(true, 0, List.of()));
        }
        int width = wanted.stream().mapToInt(one -> one.options.hostBits()).max().orElse(0);
        boolean remapping =
                wanted.stream().allMatch(one -> one.options.has(VtdProperty.INTERRUPT_REMAPPING));
        return Optional.of(new DmarTable(width, remapping, false, structures).bytes());
    }

    /** What is on a root bus: functions, and root ports with all that ever comes below. */
    private static List<DmarTable.Scope> scopes(int root, PciPlan plan) {
        List<DmarTable.Scope> scopes = new ArrayList<>();
        for (PciPlan.Placement place : plan.placements()) {
            Integer bus = plan.roots().get(place.bus());
            if (bus != null && bus == root) {
                boolean port = place.driver().equals(PciPlan.ROOT_PORT);
                scopes.add(
                        DmarTable.Scope.of(
                                port ? DmarTable.ScopeType.BRIDGE : DmarTable.ScopeType.ENDPOINT,
                                0,
                                bus << 8 | place.slot() << 3 | place.function()));
            }
        }
        return scopes;
    }

    /** How software has programmed each unit. */
    List<IommuState> states() {
        List<IommuState> states = new ArrayList<>();
        for (int i = 0; i < units.size(); i++) {
            states.add(
                    IommuState.ofVtd(wanted.get(i).name, scopes.get(i), units.get(i).registers()));
        }
        return states;
    }

    void watch(PciHost host, StaleTranslationOracle oracle, Clock clock) {
        for (int i = 0; i < units.size(); i++) {
            VtdUnit unit = units.get(i);
            host.interpose(unit, oracle.watch(wanted.get(i).name, unit, clock));
        }
    }

    /** Where the units are. */
    List<MappedRange> addresses() {
        List<MappedRange> ranges = new ArrayList<>();
        for (int i = 0; i < units.size(); i++) {
            ranges.add(new MappedRange(wanted.get(i).name, base(i), VtdUnit.REGISTER_BYTES));
        }
        return ranges;
    }

    void reset() {
        units.forEach(VtdUnit::reset);
    }
}
