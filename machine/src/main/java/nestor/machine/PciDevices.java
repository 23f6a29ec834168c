package nestor.machine;

import java.io.IOException;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.SequencedMap;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import nestor.atc.Atc;
import nestor.atc.AtcEntry;
import nestor.atc.AtcOptions;
import nestor.atc.AtcStatistics;
import nestor.atc.CachedDmaPort;
import nestor.endpoints.DiskImageException;
import nestor.endpoints.Edu;
import nestor.endpoints.IommuTestDevice;
import nestor.endpoints.PageFaults;
import nestor.endpoints.RawFile;
import nestor.endpoints.SmmuTestEngine;
import nestor.endpoints.SvmDemo;
import nestor.endpoints.VirtioBlk;
import nestor.endpoints.VirtioConsole;
import nestor.endpoints.VirtioRng;
import nestor.endpoints.dsa.Dsa;
import nestor.endpoints.dsa.DsaOptions;
import nestor.iommu.IovaRange;
import nestor.iommu.host.GuestOffer;
import nestor.iommu.host.HostCapabilities;
import nestor.iommu.host.HostException;
import nestor.iommu.host.HostIommu;
import nestor.iommu.oracle.StaleTranslationOracle;
import nestor.iommu.walk.CachedTranslation;
import nestor.iommu.walk.WalkExplorer;
import nestor.iommu.walk.WalkReport;
import nestor.pci.Chaos;
import nestor.pci.ChaosKey;
import nestor.pci.PciFunction;
import nestor.pci.PciHost;
import nestor.pci.Requester;
import nestor.pci.RootPort;
import nestor.pci.Translation;
import nestor.virtio.VirtioDevice;
import nestor.virtio.VirtqueueState;
import nestor.virtio.iommu.TableProfile;
import nestor.virtio.iommu.TableSupport;
import nestor.virtio.iommu.VirtioIommu;
import nestor.virtio.iommu.VirtioIommuConfig;
import nestor.virtio.iommu.VirtioIommuStatistics;
import nestor.virtio.pci.VirtioPci;
import nestor.vmm.chardev.CharBackend;
import nestor.vmm.loop.DeviceLoop;
import nestor.vmm.loop.MailboxLoop;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.time.Clock;
import org.jspecify.annotations.Nullable;

/** Makes the devices of a plan, plugs them, and keeps what must be closed in the end. */
final class PciDevices {
    /** Tasks that whoever posts to an idle loop runs itself. */
    private static final int LOOP_BUDGET = 64;

    /** How long a shutdown waits for one loop's work under way. */
    private static final long QUIESCE_SECONDS = 5;

    private static final String IOMMU = "virtio-iommu-pci";
    private static final int EOPNOTSUPP = 95;
    private static final int BLK_QUEUES = 1;
    private static final int MIN_IOVA_BITS = 32;

    /** A ring, and the pages of the largest disk request. */
    private static final AtcOptions VIRTIO_ATC = AtcOptions.setAssociative(512, 8);

    private final PciHost host;
    private final GuestMemory memory;
    private final Clock clock;
    private final Map<String, CharBackend> backends;
    private final Map<String, DriveConfig> drives;
    private final Optional<IovaRange> messages;
    private final AssignedDevices assigned;
    private final ChaosDevices chaos = new ChaosDevices();
    private final Thread.UncaughtExceptionHandler onEscape;
    private final Map<String, RootPort> ports = new LinkedHashMap<>();
    private final Map<String, Integer> roots = new LinkedHashMap<>();

    /** Drives and character backends in use; devices that are hot-plugged change it. */
    private final Set<String> used = ConcurrentHashMap.newKeySet();

    private final List<Endpoint> endpoints = new CopyOnWriteArrayList<>();

    /** Root ports and the IOMMU, which neither come nor go. */
    private final List<DeviceNode> fixed = new ArrayList<>();

    /** Loops of the IOMMUs by name. */
    private final Map<String, MailboxLoop> iommuLoops = new LinkedHashMap<>();

    private final List<Runnable> functionsLeft = new ArrayList<>();
    private volatile Consumer<String> surpriseRemoval = _ -> {};
    private @Nullable VirtioIommu iommu;

    /** Of the virtio-iommu, by its name. */
    private final Map<String, Supplier<List<VirtqueueState>>> iommuQueues = new LinkedHashMap<>();

    private OptionalInt iommuRid = OptionalInt.empty();

    /**
     * No devices yet.
     *
     * @param messages where interrupt messages go, which no IOMMU translates; empty if it does
     * @param assigned devices of the host's
     */
    PciDevices(
            PciHost host,
            GuestMemory memory,
            Clock clock,
            Map<String, CharBackend> backends,
            List<DriveConfig> drives,
            Optional<IovaRange> messages,
            AssignedDevices assigned,
            Thread.UncaughtExceptionHandler onEscape)
            throws ConfigException {
        this.assigned = assigned;
        this.host = host;
        this.messages = messages;
        this.memory = memory;
        this.clock = clock;
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
        roots.putAll(plan.roots());
        roots.values().stream().filter(number -> number != 0).forEach(host::addRootBus);
        for (int i = 0; i < plan.placements().size(); i++) {
            PciPlan.Placement place = plan.placements().get(i);
            if (place.driver().equals("pcie-root-port")) {
                int root = root(place.bus());
                fixed.add(node(place));
                boolean acs = !place.options().on("disable-acs");
                ports.put(place.name(), host.addRootPort(place.name(), root, place.slot(), acs));
            } else if (!place.driver().equals(IOMMU)) {
                Endpoint endpoint = make(place, plan.consoles().get(i));
                endpoints.add(endpoint);
                RootPort port = ports.get(place.bus());
                if (port == null) {
                    host.plug(
                            root(place.bus()), place.slot(), place.function(), endpoint.function());
                } else {
                    port.plug(place.function(), endpoint.function());
                }
            }
        }
        for (PciPlan.Placement place : plan.placements()) {
            if (place.driver().equals(IOMMU)) {
                fixed.add(node(place));
                plugIommu(place); // it offers what the hosts of the devices can do
            }
        }
    }

    private int root(String bus) {
        Integer number = roots.get(bus);
        if (number == null) {
            throw new IllegalStateException("no root bus " + bus);
        }
        return number;
    }

    /** Numbers of the root buses by name. */
    Map<String, Integer> roots() {
        return roots;
    }

    /** The root ports by name, in the order of the configuration. */
    Map<String, RootPort> ports() {
        return ports;
    }

    /** All devices but root ports and the IOMMU, in the order in which they came. */
    List<Endpoint> endpoints() {
        return endpoints;
    }

    /** Every device with its place: root ports and the IOMMU, and what came and went. */
    List<DeviceNode> nodes() {
        List<DeviceNode> nodes = new ArrayList<>(fixed);
        endpoints.forEach(endpoint -> nodes.add(node(endpoint.place())));
        return nodes;
    }

    private static DeviceNode node(PciPlan.Placement place) {
        return new DeviceNode(
                place.name(),
                place.driver(),
                place.bus(),
                place.slot(),
                place.function(),
                place.options().given());
    }

    /** Whether a root port, the IOMMU or a device has this name. */
    boolean isNamed(String name) {
        return ports.containsKey(name)
                || iommuLoops.containsKey(name)
                || endpoints.stream().anyMatch(endpoint -> endpoint.name().equals(name));
    }

    /** Who misbehaves, or can. */
    ChaosDevices chaos() {
        return chaos;
    }

    /** Who takes a device out of its slot, by its name; before the machine runs. */
    void onSurpriseRemoval(Consumer<String> remove) {
        surpriseRemoval = remove;
    }

    /** What the device of {@code options} holds is free again. */
    void release(DeviceOptions options) {
        if (options.has("drive")) {
            used.remove("drive " + options.text("drive"));
        }
    }

    /** Makes a device; it is in nobody's list yet. */
    Endpoint make(PciPlan.Placement place, @Nullable DeviceOptions console) throws ConfigException {
        DeviceOptions options = place.options();
        Optional<ChaosPlan> plan =
                options.has(ChaosPlan.KEYS)
                        ? ChaosPlan.of(options, ChaosKey.Side.FUNCTION)
                        : Optional.empty();
        Endpoint endpoint = makeWell(place, console);
        try {
            PciFunction function = endpoint.function();
            if (options.has(ChaosPlan.KEYS) && function.hasAts()) {
                addToChaos(place, function);
            }
            if (plan.isPresent()) {
                if (!function.hasAts()) {
                    throw options.wrong(ChaosPlan.KEYS, "needs a device with ATS");
                }
                chaos.show(options.origin(), place.name(), plan.get());
            }
        } catch (ConfigException e) {
            chaos.remove(place.name());
            discard(endpoint);
            throw e;
        }
        return endpoint;
    }

    private void discard(Endpoint endpoint) {
        release(endpoint.place().options());
        try {
            endpoint.close();
        } catch (IOException e) {
            // Nothing was written to it.
        }
    }

    /** An IOMMU of the board, which may misbehave. */
    void addToChaos(String name, String origin, Chaos of, Optional<ChaosPlan> plan)
            throws ConfigException {
        addToChaos(name, origin, of, ChaosKey.of(ChaosKey.Side.IOMMU), plan);
    }

    private void addToChaos(
            String name, String origin, Chaos of, Set<ChaosKey> known, Optional<ChaosPlan> plan)
            throws ConfigException {
        chaos.add(name, of, known, () -> {});
        if (plan.isPresent()) {
            chaos.show(origin, name, plan.get());
        }
    }

    private void addToChaos(PciPlan.Placement place, PciFunction function) {
        Set<ChaosKey> known = ChaosKey.of(ChaosKey.Side.FUNCTION);
        if (!ports.containsKey(place.bus())) {
            known.remove(ChaosKey.SURPRISE_REMOVAL); // an integrated function has no slot
        }
        String name = place.name();
        Chaos one = new Chaos();
        Runnable remove = () -> surpriseRemoval.accept(name);
        chaos.add(name, one, known, () -> function.chaos(one, clock, remove));
    }

    private Endpoint makeWell(PciPlan.Placement place, @Nullable DeviceOptions console)
            throws ConfigException {
        DeviceOptions options = place.options();
        boolean direct = options.has("iommu_platform") && !options.on("iommu_platform");
        if (direct && options.has("ats") && options.on("ats")) {
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
            case "edu" -> {
                long mask = options.number("dma_mask");
                yield onLoop(place, loop -> new Edu(place.name(), loop, mask).function());
            }
            case "iommu-testdev" -> {
                int entries = testDeviceCache(options);
                yield onLoop(place, _ -> new IommuTestDevice(place.name(), entries).function());
            }
            case "smmu-test-engine" -> {
                PageFaults faults = pageFaults(place);
                yield onLoop(
                        place, loop -> new SmmuTestEngine(place.name(), loop, faults).function());
            }
            case "svm-demo" -> svmDemo(place);
            case DsaProperties.DRIVER -> dsa(place);
            case AssignedDevices.DRIVER -> assigned(place);
            default -> throw new IllegalStateException("no maker for " + place.driver());
        };
    }

    private Endpoint onLoop(PciPlan.Placement place, Function<DeviceLoop, PciFunction> device) {
        MailboxLoop loop = loop(place.name());
        return new Endpoint(
                place, device.apply(loop), loop, Optional.empty(), Optional.empty(), loop::post);
    }

    private static int testDeviceCache(DeviceOptions options) throws ConfigException {
        long entries = options.number("atc-entries");
        if (entries < 0 || entries > IommuTestDevice.MAX_ATC_ENTRIES) {
            throw options.wrong(
                    "atc-entries", "must be 0 to %d".formatted(IommuTestDevice.MAX_ATC_ENTRIES));
        }
        return (int) entries;
    }

    private Endpoint assigned(PciPlan.Placement place) throws ConfigException {
        boolean behindPort = ports.containsKey(place.bus());
        PciFunction function = assigned.open(place.name(), place.options(), behindPort);
        MailboxLoop loop = loop(place.name());
        return new Endpoint(
                place,
                function,
                loop,
                Optional.empty(),
                Optional.empty(),
                loop::post,
                () -> assigned.release(function));
    }

    private Endpoint svmDemo(PciPlan.Placement place) throws ConfigException {
        DeviceOptions options = place.options();
        long entries = options.number("atc-entries");
        if (!SvmDemo.isAtcSize(entries)) {
            throw options.wrong(
                    "atc-entries", "must be 0 to 8, or 8 times a power of two up to 1048576");
        }
        PageFaults faults = pageFaults(place);
        return onLoop(
                place, loop -> new SvmDemo(place.name(), loop, (int) entries, faults).function());
    }

    private Endpoint dsa(PciPlan.Placement place) throws ConfigException {
        if (ports.containsKey(place.bus())) {
            throw place.options().wrong("bus", "must be a root bus: the device is integrated");
        }
        DsaOptions options = DsaProperties.read(place.options());
        return onLoop(place, loop -> new Dsa(place.name(), loop, options).function());
    }

    /** The device tree, which says that a function stalls, knows those of root buses only. */
    private PageFaults pageFaults(PciPlan.Placement place) throws ConfigException {
        if (!place.options().on("stall")) {
            return PageFaults.PRI;
        }
        if (ports.containsKey(place.bus())) {
            throw place.options().wrong("stall", "must be off behind a root port");
        }
        return PageFaults.STALL;
    }

    private Endpoint virtio(PciPlan.Placement place, VirtioDevice device, Optional<RawFile> disk) {
        VirtioPci.Access access =
                place.options().on("iommu_platform")
                        ? VirtioPci.Access.PLATFORM
                        : VirtioPci.Access.DIRECT;
        if (place.options().on("ats")) {
            return virtioWithAts(place, device, disk);
        }
        MailboxLoop loop = loop(place.name());
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
        MailboxLoop loop = loop(place.name());
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

    /** A loop for an IOMMU of the machine, which comes to rest after those of the endpoints. */
    MailboxLoop iommuLoop(String name) {
        MailboxLoop loop = loop(name);
        iommuLoops.put(name, loop);
        return loop;
    }

    private MailboxLoop loop(String name) {
        return new MailboxLoop(name, LOOP_BUDGET, onEscape);
    }

    private void plugIommu(PciPlan.Placement place) throws ConfigException {
        DeviceOptions options = place.options();
        long bits = options.number("aw-bits");
        if (bits < MIN_IOVA_BITS || bits > Long.SIZE) {
            throw options.wrong("aw-bits", "must be %d to %d".formatted(MIN_IOVA_BITS, Long.SIZE));
        }
        long granule = granuleBytes(options.text("granule"));
        VirtioIommuConfig defaults = VirtioIommuConfig.defaults(options.on("boot-bypass"));
        VirtioIommuConfig config =
                new VirtioIommuConfig(
                        -granule,
                        new IovaRange(0, bits == Long.SIZE ? -1L : (1L << bits) - 1),
                        defaults.firstDomain(),
                        defaults.lastDomain(),
                        ReservedRegions.of(options, granule, messages),
                        defaults.bootBypass(),
                        defaults.limits());
        TableProfile profile = TableProfile.titled(options.text("table-profile")).orElseThrow();
        Optional<TableSupport> tables = tables(profile);
        if (tables.isPresent() && config.reserved().size() > TableSupport.MAX_RESERVED_REGIONS) {
            throw options.wrong(
                    "table-profile",
                    "needs room in PROBE: at most %d reserved regions"
                            .formatted(TableSupport.MAX_RESERVED_REGIONS));
        }
        VirtioIommu agent = new VirtioIommu(config, this::isEndpoint, clock, tables);
        iommu = agent;
        onFunctionsLeft(agent::functionsLeft);
        MailboxLoop loop = iommuLoop(place.name());
        VirtioPci transport = new VirtioPci(place.name(), agent, loop, VirtioPci.Access.DIRECT);
        iommuQueues.put(place.name(), transport::queues);
        PciFunction function = transport.function();
        host.plug(place.slot(), place.function(), function);
        int rid = function.rid();
        iommuRid = OptionalInt.of(rid);
        host.iommu(agent, requester -> requester != rid);
        assigned.behind(requester -> requester != rid, loop, new ParavirtualIommu(agent, tables));
        addToChaos(
                place.name(),
                options.origin(),
                agent.chaos(),
                agent.chaosKeys(),
                ChaosPlan.of(options, ChaosKey.Side.VIRTIO_IOMMU));
    }

    /** Devices of the host's behind the virtio-iommu: those need tables of the guest's. */
    private record ParavirtualIommu(VirtioIommu agent, Optional<TableSupport> tables)
            implements AssignedDevices.GuestIommu {
        @Override
        public void check(HostCapabilities host) throws ConfigException {
            GuestOffer offer = GuestOffer.of(host);
            int bits = tables.map(TableSupport::pasidBits).orElse(0);
            if (!offer.contextTables() && !offer.vtdFirstStage() || offer.pasidBits() < bits) {
                throw new ConfigException(
                        "-device virtio-iommu-pci: the IOMMU of the assigned device's host does not"
                                + " walk tables of %d-bit PASIDs".formatted(bits));
            }
        }

        @Override
        public void assign(int rid, HostIommu host) throws HostException {
            if (tables.isEmpty()) {
                throw new HostException(
                        "assigning behind a virtio-iommu without table-profile=", EOPNOTSUPP);
            }
            agent.assign(rid, host);
        }

        @Override
        public void unassign(int rid) {
            agent.unassign(rid);
        }
    }

    private Optional<TableSupport> tables(TableProfile profile) {
        return profile == TableProfile.NONE
                ? Optional.empty()
                : Optional.of(
                        TableSupport.of(profile, memory, host::atsEndpoint, clock)
                                .withPasidBits(hostPasidBits()));
    }

    /** What the hosts of all assigned devices have. */
    private int hostPasidBits() {
        return assigned.capabilities(_ -> true).stream()
                .mapToInt(host -> GuestOffer.of(host).pasidBits())
                .min()
                .orElse(Integer.MAX_VALUE);
    }

    /** Has {@code listener} told when functions are off the bus; before the machine runs. */
    void onFunctionsLeft(Runnable listener) {
        functionsLeft.add(listener);
    }

    /** Functions are off the bus: what they were asked is not waited for. */
    void functionsLeft() {
        functionsLeft.forEach(Runnable::run);
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

    OptionalInt iommuRid() {
        return iommuRid;
    }

    /** What the caches of the devices have counted, by the devices' names. */
    Map<String, AtcStatistics> atcStatistics() {
        Map<String, AtcStatistics> statistics = new LinkedHashMap<>();
        for (Endpoint endpoint : endpoints) {
            endpoint.atc().ifPresent(atc -> statistics.put(endpoint.name(), atc.statistics()));
        }
        return statistics;
    }

    /** Has the oracle look on at the virtio-iommu, if there is one. */
    void watch(StaleTranslationOracle oracle) {
        if (iommu != null) {
            host.interpose(iommu, oracle.watch("virtio-iommu", iommu, clock));
        }
    }

    /** {@link Board#explore}. */
    Optional<WalkReport> explore(Requester requester, long iova, int access) {
        return host.iommuOf(requester.rid())
                .filter(WalkExplorer.class::isInstance)
                .map(WalkExplorer.class::cast)
                .map(iommu -> iommu.explore(requester, iova, access))
                .map(report -> report.with(cachedByFunction(report)));
    }

    private List<CachedTranslation> cachedByFunction(WalkReport report) {
        List<CachedTranslation> cached = new ArrayList<>();
        for (Endpoint endpoint : endpoints) {
            if (endpoint.function().rid() == report.requester().rid()) {
                endpoint.atc()
                        .flatMap(atc -> atc.peek(report.requester(), report.iova()))
                        .map(entry ->
                                CachedTranslation.ofAtc(
                                        mapping(entry), report.iova(), report.outcome()))
                        .ifPresent(cached::add);
            }
        }
        return cached;
    }

    private static Translation.Mapping mapping(AtcEntry entry) {
        return new Translation.Mapping(
                entry.iovaBase(),
                entry.sizeLog2(),
                entry.translate(entry.iovaBase()),
                entry.translation().access());
    }

    /** The virtqueues of each virtio device, by its name. */
    SequencedMap<String, List<VirtqueueState>> virtqueues() {
        SequencedMap<String, List<VirtqueueState>> all = new LinkedHashMap<>();
        iommuQueues.forEach((name, queues) -> all.put(name, queues.get()));
        endpoints.forEach(endpoint -> all.put(endpoint.name(), endpoint.queues()));
        return all;
    }

    /** The virtio-iommu, if there is one. */
    List<IommuState> iommus() {
        return fixed.stream()
                .filter(node -> node.driver().equals("virtio-iommu-pci"))
                .flatMap(node ->
                        iommuStatistics().stream()
                                .map(counted ->
                                        IommuState.ofVirtio(
                                                node.name(), this::isEndpoint, counted)))
                .toList();
    }

    /** What the virtio-iommu has counted; empty if there is none. */
    Optional<VirtioIommuStatistics> iommuStatistics() {
        return Optional.ofNullable(iommu).map(VirtioIommu::statistics);
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
        endpoints.forEach(endpoint -> quiesce(endpoint.loop()));
        iommuLoops.values().forEach(PciDevices::quiesce);
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
        for (Endpoint endpoint : endpoints) {
            endpoint.flush();
        }
    }

    /** Loops and disks; the last failure of a disk is thrown after all are closed. */
    void close() throws IOException {
        assigned.close();
        iommuLoops.values().forEach(MailboxLoop::close);
        IOException failed = null;
        for (Endpoint endpoint : endpoints) {
            try {
                endpoint.close();
            } catch (IOException e) {
                failed = e;
            }
        }
        if (failed != null) {
            throw failed;
        }
    }
}
