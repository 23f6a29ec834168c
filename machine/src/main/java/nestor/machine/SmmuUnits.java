package nestor.machine;

import static nestor.machine.DeviceProperty.choice;
import static nestor.machine.DeviceProperty.number;
import static nestor.machine.DeviceProperty.onOff;
import static nestor.machine.DeviceProperty.text;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.function.IntPredicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import nestor.iommu.host.HostCapabilities;
import nestor.iommu.host.HostException;
import nestor.iommu.host.HostIommu;
import nestor.iommu.oracle.StaleTranslationOracle;
import nestor.machine.gic.GicV3;
import nestor.machine.virt.MemoryMap;
import nestor.pci.ChaosKey;
import nestor.pci.MsiDoorbell;
import nestor.pci.PciHost;
import nestor.smmuv3.SmmuV3;
import nestor.smmuv3.SmmuV3Options;
import nestor.smmuv3.StructureFetch;
import nestor.vmm.loop.MailboxLoop;
import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.mmio.MmioBus;
import nestor.vmm.time.Clock;

/**
 * The SMMUs of the board: one for {@code -machine virt,iommu=smmuv3}, or one for each {@code
 * -device arm-smmuv3}, in front of a root bus and what is below it. Stream IDs are Requester IDs.
 */
final class SmmuUnits {
    static final String DRIVER = "arm-smmuv3";

    static final List<DeviceProperty> PROPERTIES =
            List.of(
                    text("id", "name of the device, unique"),
                    text("primary-bus", "root bus: pcie.0 or the id of a pxb-pcie (pcie.0)"),
                    choice(
                            "stage",
                            "nested",
                            "which stages translate: 1, 2, or both",
                            "1",
                            "2",
                            "nested"),
                    onOff("ats", "on", "Address Translation Services"),
                    onOff("pri", "on", "Page Request Interface; needs ats"),
                    onOff("split-ats", "on", "ATS that returns IPAs (STE.EATS = 2)"),
                    onOff("stall", "on", "stall model: faults wait for CMD_RESUME"),
                    onOff("ril", "on", "range invalidation"),
                    onOff("sev", "on", "CMD_SYNC signals an event"),
                    choice(
                            "httu",
                            "2",
                            "hardware updates: 1 access flag, 2 dirty state as well",
                            "0",
                            "1",
                            "2"),
                    choice("btm", "off", "broadcast TLB maintenance is not there", "off"),
                    number("ssidsize", "20", "bits of a substream ID (PASID), 0..20"),
                    choice(
                            "oas",
                            "48",
                            "bits of an output address",
                            "32",
                            "36",
                            "40",
                            "42",
                            "44",
                            "48"),
                    number(
                            "atc-timeout",
                            "60000",
                            "milliseconds that an ATC invalidation may take, 1..600000"),
                    text(
                            "fetch",
                            "how configuration structures are read: atomic64, atomic128 or"
                                    + " torn:SEED (atomic64)"));

    private static final int MAX_SSID_BITS = 20;
    private static final int MAX_UNITS = 8;
    private static final int MAX_ATC_TIMEOUT_MILLIS = 600_000;
    private static final Pattern TORN = Pattern.compile("torn:([0-9]{1,18})");

    /**
     * A unit that is asked for.
     *
     * @param name for messages
     * @param origin for messages
     * @param root number of the root bus
     * @param given properties that the user set
     */
    private record Wanted(
            String name,
            String origin,
            int root,
            SmmuV3Options options,
            Set<String> given,
            Optional<ChaosPlan> chaos) {}

    private final List<Wanted> wanted = new ArrayList<>();
    private final List<SmmuV3> units = new ArrayList<>();

    /** The functions of each unit, by their RIDs. */
    private final List<IntPredicate> scopes = new ArrayList<>();

    private SmmuUnits() {}

    /**
     * Reads the configuration.
     *
     * @param board whether the board is to have one of its own, with everything
     * @param roots numbers of the root buses by name
     */
    static SmmuUnits of(boolean board, List<DeviceOptions> devices, Map<String, Integer> roots)
            throws ConfigException {
        SmmuUnits units = new SmmuUnits();
        if (board) {
            units.wanted.add(
                    new Wanted(
                            "smmuv3",
                            "-machine virt,iommu=smmuv3",
                            0,
                            SmmuV3Options.whole(),
                            Set.of(),
                            Optional.empty()));
        }
        for (DeviceOptions device : devices) {
            String bus = device.text("primary-bus");
            Integer root = roots.get(bus.isEmpty() ? PciPlan.ROOT_BUS : bus);
            if (root == null) {
                throw device.wrong(
                        "primary-bus",
                        "no such root bus" + DeviceOptions.suggest(bus, roots.keySet()));
            }
            if (units.wanted.stream().anyMatch(unit -> unit.root == root)) {
                throw device.wrong("primary-bus", "the bus has an SMMU already");
            }
            String id = device.text("id");
            units.wanted.add(
                    new Wanted(
                            id.isEmpty() ? "smmuv3." + root : id,
                            device.origin(),
                            root,
                            options(device),
                            device.given().keySet(),
                            ChaosPlan.of(device, ChaosKey.Side.IOMMU)));
        }
        if (units.wanted.size() > MAX_UNITS) {
            throw new ConfigException("-device %s: %d at most".formatted(DRIVER, MAX_UNITS));
        }
        return units;
    }

    private static SmmuV3Options options(DeviceOptions device) throws ConfigException {
        long ssidBits = device.number("ssidsize");
        if (Long.compareUnsigned(ssidBits, MAX_SSID_BITS) > 0) {
            throw device.wrong("ssidsize", "must be 0 to " + MAX_SSID_BITS);
        }
        long atcTimeoutMillis = device.number("atc-timeout");
        if (atcTimeoutMillis < 1 || atcTimeoutMillis > MAX_ATC_TIMEOUT_MILLIS) {
            throw device.wrong("atc-timeout", "must be 1 to " + MAX_ATC_TIMEOUT_MILLIS);
        }
        String stage = device.text("stage");
        return SmmuV3Options.builder()
                .stages(!stage.equals("2"), !stage.equals("1"))
                .ats(device.on("ats"))
                .pri(device.on("pri"))
                .splitStageAts(device.on("split-ats"))
                .stall(device.on("stall"))
                .rangeInvalidation(device.on("ril"))
                .event(device.on("sev"))
                .hardwareUpdates(Integer.parseInt(device.text("httu")))
                .ssidBits((int) ssidBits)
                .outputBits(Integer.parseInt(device.text("oas")))
                .fetch(fetch(device))
                .atcTimeout(TimeUnit.MILLISECONDS.toNanos(atcTimeoutMillis))
                .build();
    }

    private static StructureFetch fetch(DeviceOptions device) throws ConfigException {
        String fetch = device.text("fetch");
        Matcher torn = TORN.matcher(fetch);
        if (torn.matches()) {
            return StructureFetch.torn(Long.parseLong(torn.group(1)));
        }
        return switch (fetch) {
            case "", "atomic64" -> StructureFetch.atomic64();
            case "atomic128" -> StructureFetch.atomic128();
            default -> throw device.wrong("fetch", "must be atomic64, atomic128 or torn:SEED");
        };
    }

    /** The root buses that have a unit, with its index. */
    Map<Integer, Integer> indicesByRoot() {
        Map<Integer, Integer> indices = new TreeMap<>();
        for (int i = 0; i < wanted.size(); i++) {
            indices.put(wanted.get(i).root, i);
        }
        return indices;
    }

    /**
     * Makes the units and puts them on the bus, and in front of their functions.
     *
     * @throws ConfigException if there is an IOMMU of another kind
     */
    void build(
            PciDevices pci,
            AssignedDevices assigned,
            PciHost host,
            GuestMemory memory,
            Clock clock,
            GicV3 gic,
            MmioBus bus,
            MsiDoorbell doorbell)
            throws ConfigException {
        if (!wanted.isEmpty() && host.hasIommu()) {
            throw new ConfigException(
                    "-device virtio-iommu-pci: the board has an IOMMU already; use it or -machine"
                            + " virt,iommu=none");
        }
        for (int i = 0; i < wanted.size(); i++) {
            Wanted one = wanted.get(i);
            int spi = MemoryMap.SMMU_SPI + i * MemoryMap.SMMU_SPIS;
            int deviceId = MemoryMap.SMMU_DEVICE_ID + i;
            MailboxLoop loop = pci.iommuLoop(one.name);
            IntPredicate rids = rids(one.root, host.lastBusOf(one.root));
            SmmuV3Options options =
                    HostNarrowing.smmu(
                            one.origin,
                            one.options,
                            one.given::contains,
                            assigned.capabilities(rids));
            SmmuV3 unit =
                    new SmmuV3(
                            options,
                            memory,
                            loop,
                            clock,
                            host::atsEndpoint,
                            new SmmuV3.Wires(
                                    gic.spi(spi),
                                    gic.spi(spi + 1),
                                    gic.spi(spi + 2),
                                    gic.spi(spi + 3)),
                            (address, data) -> write(memory, doorbell, deviceId, address, data));
            bus.map(
                    MemoryMap.SMMU + (long) i * SmmuV3.REGISTER_BYTES,
                    SmmuV3.REGISTER_BYTES,
                    unit.registers());
            host.iommu(unit, rids);
            scopes.add(rids);
            assigned.behind(rids, loop, new Assignments(unit, one.origin, options));
            pci.onFunctionsLeft(unit::functionsLeft);
            units.add(unit);
            pci.addToChaos(one.name, one.origin, unit.chaos(), one.chaos);
        }
    }

    private record Assignments(SmmuV3 unit, String origin, SmmuV3Options options)
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

    private static IntPredicate rids(int firstBus, int lastBus) {
        int first = firstBus << 8;
        int last = lastBus << 8 | 0xff;
        return rid -> rid >= first && rid <= last;
    }

    /** A unit's own messages: completions go to RAM, interrupts to the doorbell. */
    private static boolean write(
            GuestMemory memory, MsiDoorbell doorbell, int deviceId, long address, int data) {
        if (address - doorbell.gpa() >= 0 && address - doorbell.gpa() < doorbell.sizeBytes()) {
            doorbell.sink().signal(deviceId, address, data);
            return true;
        }
        try {
            memory.setIntLe(address, data);
            return true;
        } catch (GuestAccessException e) {
            return false;
        }
    }

    /** What each unit advertises, in the order of their addresses. */
    List<SmmuIdentification> identifications() {
        return units.stream().map(unit -> SmmuIdentification.read(unit.registers())).toList();
    }

    /** How software has programmed each unit. */
    List<IommuState> states() {
        List<IommuState> states = new ArrayList<>();
        for (int i = 0; i < units.size(); i++) {
            states.add(
                    IommuState.ofSmmu(wanted.get(i).name, scopes.get(i), units.get(i).registers()));
        }
        return states;
    }

    void watch(PciHost host, StaleTranslationOracle oracle, Clock clock) {
        for (int i = 0; i < units.size(); i++) {
            SmmuV3 unit = units.get(i);
            host.interpose(unit, oracle.watch(wanted.get(i).name, unit, clock));
        }
    }

    /** Where the units are. */
    List<MappedRange> addresses() {
        List<MappedRange> ranges = new ArrayList<>();
        for (int i = 0; i < units.size(); i++) {
            ranges.add(
                    new MappedRange(
                            wanted.get(i).name,
                            MemoryMap.SMMU + (long) i * SmmuV3.REGISTER_BYTES,
                            SmmuV3.REGISTER_BYTES));
        }
        return ranges;
    }

    void reset() {
        units.forEach(SmmuV3::reset);
    }
}
