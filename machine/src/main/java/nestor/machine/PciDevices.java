package nestor.machine;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.SequencedMap;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import nestor.atc.AtcEntry;
import nestor.atc.AtcStatistics;
import nestor.iommu.IovaRange;
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
import nestor.virtio.VirtqueueState;
import nestor.virtio.iommu.VirtioIommuStatistics;
import nestor.vmm.chardev.CharBackend;
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

    private final PciHost host;
    private final GuestMemory memory;
    private final Clock clock;
    private final Optional<IovaRange> messages;
    private final AssignedDevices assigned;
    private final ChaosDevices chaos = new ChaosDevices();
    private final Thread.UncaughtExceptionHandler onEscape;
    private final Map<String, RootPort> ports = new LinkedHashMap<>();
    private final Map<String, Integer> roots = new LinkedHashMap<>();
    private final VirtioDevices virtioDevices;
    private final DmaDevices dmaDevices = new DmaDevices(this::isBehindPort, this::loop);
    private final List<Endpoint> endpoints = new CopyOnWriteArrayList<>();

    /** Root ports and the IOMMU, which neither come nor go. */
    private final List<DeviceNode> fixed = new ArrayList<>();

    /** Loops of the IOMMUs by name. */
    private final Map<String, MailboxLoop> iommuLoops = new LinkedHashMap<>();

    private final List<Runnable> functionsLeft = new ArrayList<>();
    private volatile Consumer<String> surpriseRemoval = _ -> {};
    private @Nullable VirtioIommuUnit iommu;

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
        this.onEscape = onEscape;
        this.virtioDevices = new VirtioDevices(backends, drives, this::loop);
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
            } else if (!place.driver().equals(VirtioIommuUnit.DRIVER)) {
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
            if (place.driver().equals(VirtioIommuUnit.DRIVER)) {
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

    private void plugIommu(PciPlan.Placement place) throws ConfigException {
        var unit =
                new VirtioIommuUnit(
                        place, host, memory, clock, messages, assigned, this::iommuLoop);
        iommu = unit;
        onFunctionsLeft(unit::functionsLeft);
        DeviceOptions options = place.options();
        addToChaos(
                place.name(),
                options.origin(),
                unit.chaos(),
                unit.chaosKeys(),
                ChaosPlan.of(options, ChaosKey.Side.VIRTIO_IOMMU));
    }

    private Optional<VirtioIommuUnit> iommu() {
        return Optional.ofNullable(iommu);
    }

    private boolean isBehindPort(PciPlan.Placement place) {
        return ports.containsKey(place.bus());
    }

    /** What the device of {@code options} holds is free again. */
    void release(DeviceOptions options) {
        virtioDevices.release(options);
    }

    /** Makes a device; it is in nobody's list yet. */
    Endpoint make(PciPlan.Placement place, @Nullable DeviceOptions console) throws ConfigException {
        DeviceOptions options = place.options();
        Optional<ChaosPlan> plan =
                options.has(ChaosPlan.KEYS)
                        ? ChaosPlan.of(options, ChaosKey.Side.FUNCTION)
                        : Optional.empty();
        Endpoint endpoint =
                switch (place.driver()) {
                    case "virtio-blk-pci", "virtio-rng-pci", "virtio-serial-pci" ->
                            virtioDevices.make(place, console);
                    case AssignedDevices.DRIVER -> assigned(place);
                    default -> dmaDevices.make(place);
                };
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
        if (!isBehindPort(place)) {
            known.remove(ChaosKey.SURPRISE_REMOVAL); // an integrated function has no slot
        }
        String name = place.name();
        Chaos one = new Chaos();
        Runnable remove = () -> surpriseRemoval.accept(name);
        chaos.add(name, one, known, () -> function.chaos(one, clock, remove));
    }

    private Endpoint assigned(PciPlan.Placement place) throws ConfigException {
        PciFunction function = assigned.open(place.name(), place.options(), isBehindPort(place));
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

    /** A loop for an IOMMU of the machine, which comes to rest after those of the endpoints. */
    MailboxLoop iommuLoop(String name) {
        MailboxLoop loop = loop(name);
        iommuLoops.put(name, loop);
        return loop;
    }

    private MailboxLoop loop(String name) {
        return new MailboxLoop(name, LOOP_BUDGET, onEscape);
    }

    /** Has {@code listener} told when functions are off the bus; before the machine runs. */
    void onFunctionsLeft(Runnable listener) {
        functionsLeft.add(listener);
    }

    /** Functions are off the bus: what they were asked is not waited for. */
    void functionsLeft() {
        functionsLeft.forEach(Runnable::run);
    }

    OptionalInt iommuRid() {
        return iommu().stream().mapToInt(VirtioIommuUnit::rid).findFirst();
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
        iommu().ifPresent(unit -> unit.watch(oracle));
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
        iommu().ifPresent(unit -> all.put(unit.name(), unit.queues()));
        endpoints.forEach(endpoint -> all.put(endpoint.name(), endpoint.queues()));
        return all;
    }

    /** The virtio-iommu, if there is one. */
    List<IommuState> iommus() {
        return iommu().stream().map(VirtioIommuUnit::state).toList();
    }

    /** What the virtio-iommu has counted; empty if there is none. */
    Optional<VirtioIommuStatistics> iommuStatistics() {
        return iommu().map(VirtioIommuUnit::statistics);
    }

    void reset() {
        quiesce();
        host.reset();
        quiesce();
        iommu().ifPresent(VirtioIommuUnit::systemReset);
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
