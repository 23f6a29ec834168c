package nestor.virtio.iommu;

import static nestor.vmm.register.Register.readOnly;
import static nestor.vmm.register.Register.readWrite;

import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.function.IntPredicate;
import nestor.iommu.host.HostException;
import nestor.iommu.host.HostIommu;
import nestor.iommu.host.HostReports;
import nestor.iommu.oracle.CommandObserver;
import nestor.iommu.oracle.CurrentTranslation;
import nestor.iommu.oracle.OracleSubject;
import nestor.iommu.oracle.TranslationCache;
import nestor.iommu.walk.WalkExplorer;
import nestor.iommu.walk.WalkReport;
import nestor.pci.AddressType;
import nestor.pci.AtsCompletion;
import nestor.pci.AtsRequest;
import nestor.pci.Chaos;
import nestor.pci.ChaosKey;
import nestor.pci.CompletionStatus;
import nestor.pci.PageRequest;
import nestor.pci.Quiescence;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.virtio.DriverLink;
import nestor.virtio.VirtioDevice;
import nestor.virtio.Virtqueue;
import nestor.virtio.iommu.table.TableFault;
import nestor.virtio.iommu.table.TableKind;
import nestor.virtio.iommu.table.TableSpace;
import nestor.vmm.mmio.MmioRegion;
import nestor.vmm.register.Register;
import nestor.vmm.register.RegisterFile;
import nestor.vmm.time.Clock;
import org.jspecify.annotations.Nullable;

/**
 * A virtio-iommu (§5.13): a virtio device to its driver, and the translation agent of the endpoints
 * it manages. Endpoint ids are Requester IDs. Its own function's DMA must not be routed through it.
 */
public final class VirtioIommu implements VirtioDevice, OracleSubject, WalkExplorer {
    private static final int DEVICE_ID = 23;

    private static final CommandNames COMMANDS =
            new CommandNames(
                    "INVALIDATE of the IOTLB",
                    "INVALIDATE of the device TLB",
                    "INVALIDATE of the PASID cache",
                    "the used ring");

    private static final int CLASS_CODE = 0x08_80_00; // other system peripheral

    private static final int REQUEST_QUEUE = 0;
    private static final int EVENT_QUEUE = 1;
    private static final int[] QUEUE_SIZES = {256, 64};

    /** §5.13.4. */
    private static final int CONFIG_BYTES = 40;

    private static final Register BYPASS = readWrite("bypass", 36, 1, 0xff, "§5.13.4");

    private static final Translation.Mapping IDENTITY =
            new Translation.Mapping(
                    0, 64, 0, Translation.READ | Translation.WRITE | Translation.EXECUTE);

    private static final Translation REJECTED =
            new Translation.Rejected(CompletionStatus.UNSUPPORTED_REQUEST);

    private static final AtsCompletion NO_TRANSLATION =
            new AtsCompletion.Failed(CompletionStatus.UNSUPPORTED_REQUEST);

    /**
     * config.bypass. What it reads as follows what it does once the DMAs under way have left, so
     * that a driver that has read 0 back has taken all access away.
     *
     * @param active whether unattached endpoints reach memory
     * @param shown what the driver reads
     */
    private record Bypass(boolean active, boolean shown) {}

    private final VirtioIommuConfig config;
    private final Clock clock;
    private final Chaos chaos = new Chaos();
    private final RegisterFile registers;
    private final AddressSpaces spaces;
    private final @Nullable TableSupport tables;
    private final TableProfile profile;
    private final @Nullable PageRequests pages;
    private final Requests served;
    private final RequestCounters counters = new RequestCounters();
    private final Quiescence quiescence = new Quiescence();
    private final FaultQueue faults;
    private final MsiRegions doorbells;
    private final AtomicReference<Bypass> bypass = new AtomicReference<>(new Bypass(false, false));
    private final Probe probe;
    private @Nullable CommandObserver observer;
    private @Nullable RequestQueue requests;

    /**
     * A device that behaves.
     *
     * @param exists whether there is an endpoint of this id; asked on the device's loop
     * @param support lets drivers attach tables of their own; empty for a device as the
     *     specification has it
     */
    public VirtioIommu(
            VirtioIommuConfig config,
            IntPredicate exists,
            Clock clock,
            Optional<TableSupport> support) {
        this.config = config;
        this.clock = clock;
        this.tables = support.orElse(null);
        this.profile = support.map(TableSupport::profile).orElse(TableProfile.NONE);
        this.spaces = new AddressSpaces(config, exists, chaos);
        this.pages = support.map(s -> new PageRequests(s.route())).orElse(null);
        this.faults = new FaultQueue(EVENT_QUEUE, QUEUE_SIZES[EVENT_QUEUE], pages, counters, chaos);
        this.served = requests(support);
        this.doorbells = new MsiRegions(config.reserved());
        this.probe = new Probe(spaces, doorbells::contain);
        this.registers =
                new RegisterFile(
                                CONFIG_BYTES,
                                1,
                                List.of(
                                        field("page_size_mask", 0, 8, config.pageSizeMask()),
                                        field(
                                                "input_range.start",
                                                8,
                                                8,
                                                config.inputRange().first()),
                                        field("input_range.end", 16, 8, config.inputRange().last()),
                                        field("domain_range.start", 24, 4, config.firstDomain()),
                                        field("domain_range.end", 28, 4, config.lastDomain()),
                                        field("probe_size", 32, 4, VirtioIommuConfig.PROBE_BYTES),
                                        BYPASS))
                        .onRead(BYPASS, () -> bypass.get().shown() ? 1 : 0)
                        .onWrite(BYPASS, this::writeBypass);
        chaos.onChange(spaces::forget);
        systemReset();
    }

    private Requests requests(Optional<TableSupport> support) {
        var specified = new Properties(config.reserved());
        if (support.isEmpty() || pages == null) {
            return new Requests(spaces, specified, null, specified);
        }
        if (config.reserved().size() > TableSupport.MAX_RESERVED_REGIONS) {
            throw new IllegalArgumentException("too many reserved regions");
        }
        var domains = new TableDomains(support.get(), spaces, pages);
        spaces.tell(domains, support.get().host());
        var all = new Properties(config.reserved());
        TableProperties.addTo(all, profile, domains.options(), config);
        return new Requests(spaces, specified, domains, all);
    }

    private static Register field(String name, long offset, int sizeBytes, long value) {
        return readOnly(name, offset, sizeBytes, value, "§5.13.4");
    }

    /** Back to the configured boot bypass, which outlives a device reset (§5.13.4). */
    public void systemReset() {
        boolean shown = config.bootBypass() && profile.offersBypassConfig();
        bypass.set(new Bypass(config.bootBypass(), shown));
        if (observer != null) {
            observer.reset();
        }
    }

    /** What the device does that it seldom does: nothing, unless somebody has it do so. */
    public Chaos chaos() {
        return chaos;
    }

    /** The unusual behaviours that make a difference to this device's drivers. */
    public Set<ChaosKey> chaosKeys() {
        Set<ChaosKey> keys = ChaosKey.of(ChaosKey.Side.VIRTIO_IOMMU);
        if (tables == null) { // mappings that the driver makes leave nothing to fetch
            keys.remove(ChaosKey.CACHE_GREEDY);
        }
        if (!profile.kinds().contains(TableKind.ARM_SMMUV3)) {
            keys.remove(ChaosKey.FETCH_TORN);
        }
        return keys;
    }

    /** What went over both queues. Any thread. */
    public VirtioIommuStatistics statistics() {
        return counters.statistics();
    }

    /** Functions were pulled: nothing they were asked is waited for. Any thread. */
    public void functionsLeft() {
        if (tables != null) {
            tables.invalidator().removeAbsent();
        }
    }

    /**
     * The host's device at {@code rid} does its own DMA: from now on the host keeps it attached as
     * the driver attaches it here, to tables or to a domain that bypasses. Attached to nothing, or
     * to mappings, it is blocked. On the device's loop.
     *
     * @throws HostException if the host has no such device, or refuses what it is attached to
     */
    public void assign(int rid, HostIommu hostIommu) throws HostException {
        if (tables == null) {
            throw new IllegalStateException("a device without tables has nothing for a host");
        }
        tables.host().assign(rid, hostIommu, this, this::hostFault);
        spaces.assigned(rid);
    }

    /** The device at {@code rid} is taken back; all of it is blocked. On the device's loop. */
    public void unassign(int rid) {
        if (tables != null) {
            tables.host().unassign(rid);
        }
    }

    private void hostFault(int rid, HostReports.SmmuV3Event event) {
        faults.report(HostFaults.of(rid, event));
    }

    private void writeBypass(long value) {
        if (!profile.offersBypassConfig()) {
            return;
        }
        if (value == 1) {
            bypass.set(new Bypass(true, true));
        } else if (value == 0) {
            Bypass ending = new Bypass(false, bypass.get().shown());
            bypass.set(ending);
            Bypass ended = new Bypass(false, false);
            quiescence.whenQuiescent(() -> bypass.compareAndSet(ending, ended));
        }
    }

    @Override
    public int deviceId() {
        return DEVICE_ID;
    }

    @Override
    public int classCode() {
        return CLASS_CODE;
    }

    @Override
    public long features() {
        return profile.offered();
    }

    @Override
    public int[] queueSizes() {
        return QUEUE_SIZES.clone();
    }

    @Override
    public int configBytes() {
        return CONFIG_BYTES;
    }

    @Override
    public MmioRegion config() {
        return registers;
    }

    /** Without BYPASS_CONFIG, unattached endpoints reach memory only until a driver is there. */
    @Override
    public void start(DriverLink link) {
        Negotiated features = profile.negotiated(link.features());
        if (!profile.offersBypassConfig()) {
            bypass.set(new Bypass(false, false));
        }
        RequestQueue queue =
                new RequestQueue(
                        REQUEST_QUEUE,
                        profile,
                        served,
                        this::whenRevoked,
                        counters,
                        link,
                        chaos,
                        clock);
        queue.observe(observer);
        requests = queue;
        faults.start(link, ReportLayout.of(profile, features.pageRequest()));
        if (pages != null && features.pageRequest()) {
            pages.start(() -> link.kick(EVENT_QUEUE));
        }
    }

    /**
     * Runs {@code done} once the endpoints have answered every invalidation, and the DMAs under way
     * have left: DEVERR if an endpoint did not answer in time, or a host refused. Loop only.
     */
    private void whenRevoked(Consumer<Status> done) {
        if (tables == null) {
            quiescence.whenQuiescent(() -> done.accept(Status.OK));
            return;
        }
        boolean clean = tables.host().flush().isClean();
        tables.invalidator()
                .whenDrained(
                        _ -> true,
                        outcome -> {
                            Status status =
                                    clean && outcome.timedOut().isEmpty()
                                            ? Status.OK
                                            : Status.DEVERR;
                            quiescence.whenQuiescent(() -> done.accept(status));
                        });
    }

    @Override
    public void serve(int index, Virtqueue queue) {
        if (index == EVENT_QUEUE) {
            faults.serve(queue);
        } else if (requests != null) {
            requests.serve(queue);
        }
    }

    @Override
    public void stop() {
        requests = null;
        faults.stop();
        spaces.reset();
        if (pages != null) {
            pages.stop();
        }
    }

    @Override
    public void whenStopped(Runnable stopped) {
        whenRevoked(_ -> stopped.run());
    }

    @Override
    public Translation translate(Requester requester, AddressType type, long iova, int access) {
        if (type != AddressType.UNTRANSLATED) {
            // Only tables give endpoints translations, and not longer than they are attached.
            return spaces.attachment(requester.rid()).admitsTranslated(requester.pasid())
                    ? IDENTITY
                    : refuse(Fault.Reason.UNKNOWN, requester, iova, access);
        }
        if (requester.hasPasid()) { // a domain of mappings has one address space per endpoint
            return spaces.of(requester.rid(), requester.pasid()) instanceof TableDomain domain
                    ? translate(domain, requester, iova, access)
                    : refuse(
                            tables == null ? Fault.Reason.UNKNOWN : Fault.Reason.DOMAIN,
                            requester,
                            iova,
                            access);
        }
        Translation.Mapping doorbell = access == Translation.WRITE ? doorbells.at(iova) : null;
        if (doorbell != null) {
            return doorbell;
        }
        return switch (spaces.of(requester.rid(), Requester.NO_PASID)) {
            case null ->
                    bypass.get().active()
                            ? IDENTITY
                            : refuse(Fault.Reason.DOMAIN, requester, iova, access);
            case MappedDomain domain -> translate(domain, requester, iova, access);
            case TableDomain domain -> translate(domain, requester, iova, access);
        };
    }

    private Translation translate(MappedDomain domain, Requester requester, long iova, int access) {
        if (domain.isBypass()) {
            return IDENTITY;
        }
        Translation.Mapping mapping = domain.translate(iova);
        return mapping != null && allows(mapping, access)
                ? mapping
                : refuse(Fault.Reason.MAPPING, requester, iova, access);
    }

    private Translation translate(TableDomain domain, Requester requester, long iova, int access) {
        Translation.Mapping hit = domain.space().lookup(requester, iova, access);
        if (hit != null) {
            return hit;
        }
        return switch (domain.space().walk(requester, iova, access)) {
            case TableSpace.Result.Mapped(Translation.Mapping mapping) -> mapping;
            case TableSpace.Result.Refused(TableFault fault, boolean quiet) ->
                    quiet ? REJECTED : refuse(Fault.Reason.of(fault), requester, iova, access);
        };
    }

    /** A page that is not mapped is no fault; who has no tables gets no translations. */
    @Override
    public AtsCompletion requestTranslation(AtsRequest request) {
        Requester requester = request.requester();
        return spaces.of(requester.rid(), requester.pasid()) instanceof TableDomain domain
                ? domain.space().requestTranslation(request)
                : NO_TRANSLATION;
    }

    @Override
    public CompletionStatus requestPage(PageRequest request) {
        Requester requester = request.requester();
        return pages != null
                        && spaces.of(requester.rid(), requester.pasid()) instanceof TableDomain
                        && pages.take(request)
                ? CompletionStatus.SUCCESSFUL
                : CompletionStatus.UNSUPPORTED_REQUEST;
    }

    /** The device type has no right to execute of its own: what can be read can be executed. */
    static boolean allows(Translation.Mapping block, int access) {
        int needed = access & Translation.WRITE;
        if ((access & (Translation.READ | Translation.EXECUTE)) != 0) {
            needed |= Translation.READ;
        }
        return (needed & ~block.access()) == 0;
    }

    private Translation refuse(Fault.Reason reason, Requester requester, long iova, int access) {
        faults.report(new Fault(reason, requester, iova, access));
        return REJECTED;
    }

    @Override
    public WalkReport explore(Requester requester, long iova, int access) {
        boolean passes =
                !requester.hasPasid() && access == Translation.WRITE && doorbells.contain(iova);
        var explorer = new VirtioIommuExplorer(spaces, bypass.get().active(), tables != null);
        return explorer.explore(requester, iova, access, passes);
    }

    @Override
    public long enterDma() {
        return quiescence.enter();
    }

    @Override
    public void exitDma(long ticket) {
        quiescence.exit(ticket);
    }

    @Override
    public CommandNames commandNames() {
        return COMMANDS;
    }

    @Override
    public CurrentTranslation current(
            TranslationCache cache, Requester requester, long iova, int access) {
        return probe.current(cache, requester, iova, access);
    }

    @Override
    public void observe(CommandObserver commandObserver) {
        observer = commandObserver;
        if (requests != null) {
            requests.observe(commandObserver);
        }
        spaces.iotlb().onInvalidated(commandObserver::invalidated);
        if (tables != null) {
            tables.invalidator().onSend(commandObserver::atcInvalidated);
        }
    }
}
