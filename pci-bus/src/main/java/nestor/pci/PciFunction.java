package nestor.pci;

import static nestor.vmm.register.BitField.bits;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;
import java.util.function.LongUnaryOperator;
import nestor.vmm.mmio.MmioRegion;
import nestor.vmm.register.BitField;
import nestor.vmm.register.Register;
import nestor.vmm.register.RegisterFile;
import nestor.vmm.time.Clock;
import org.jspecify.annotations.Nullable;

/**
 * One PCI function: configuration space, BARs and capabilities as data, made by a {@link
 * PciFunctionBuilder} and brought to life by plugging it ({@link PciHost#plug}, {@link
 * RootPort#plug}).
 *
 * <p>Configuration accesses run on the vCPU's thread; DMA and interrupts may come from any thread,
 * with no device lock held.
 */
public final class PciFunction {
    /** What the read-only identification registers say. */
    record Identity(
            int vendor,
            int device,
            int revision,
            int classCode,
            int subsystemVendor,
            int subsystem) {}

    /** What routing reads: derived from the registers each time one of them changes. */
    record State(
            boolean mayMaster,
            Requester requester,
            List<AddressRange> bars,
            AccessControl accessControl) {}

    private static final BitField RID_BUS = bits(15, 8);
    static final int FIRST_CAPABILITY = 0x40;
    private static final int CAPABILITIES_END = 0x100;
    private static final int FIRST_EXTENDED = 0x100;

    private final String name;
    private final Identity identity;
    private final List<Bar> bars;
    private final List<Capability> capabilities;
    private final boolean express;
    private final int expressOffset;
    private final boolean canStall;
    private final BooleanSupplier pending;
    private final @Nullable Runnable onReset;
    private final @Nullable RootPort asPort;
    private final @Nullable PciFunctionListener listener;
    private final @Nullable Msi msi;
    private final @Nullable Msix msix;
    private final FunctionAts ats;
    private final FunctionDma dma;
    private final FunctionDma dmaUntranslated;

    private @Nullable PciHost host;
    private @Nullable RegisterFile config;
    private @Nullable Capability expressCapability;
    private @Nullable RootPort above;

    /** Requests under way, of a function that may leave the bus; null on bus 0. */
    private @Nullable Quiescence requests;

    /** Number of the root bus, for a function on one. */
    private int rootBus;

    private int devfn;
    private volatile @Nullable State state;

    /** Whether the listener has still to hear of another RID. */
    private final AtomicBoolean renumbered = new AtomicBoolean();

    PciFunction(PciFunctionBuilder builder) {
        this.name = builder.name;
        this.identity =
                new Identity(
                        builder.vendor,
                        builder.device,
                        builder.revision,
                        builder.classCode,
                        builder.subsystemVendor,
                        builder.subsystem);
        this.bars = List.copyOf(builder.bars);
        this.capabilities = new ArrayList<>(builder.capabilities);
        this.express = builder.express;
        this.expressOffset = builder.expressOffset;
        this.canStall = builder.canStall;
        this.pending = builder.pending;
        this.onReset = builder.onReset;
        this.asPort = builder.asPort;
        this.listener = builder.listener;
        this.ats = new FunctionAts(this, builder.pasid, builder.ats, builder.pri);
        this.dma = new FunctionDma(this, ats, true);
        this.dmaUntranslated = new FunctionDma(this, ats, false);
        this.msi =
                builder.msiVectors == 0
                        ? null
                        : new Msi(builder.msiVectors, builder.msiMasking, dma::writeMessage);
        this.msix = builder.msix == null ? null : new Msix(builder.msix, dma::writeMessage);
    }

    /**
     * Starts a function.
     *
     * @param name for messages, for example the device's id
     */
    public static PciFunctionBuilder builder(String name) {
        return new PciFunctionBuilder(name);
    }

    public String name() {
        return name;
    }

    /**
     * The Requester ID: bus [15:8], device [7:3], function [2:0]. Behind a root port the bus number
     * is what software has programmed last.
     *
     * @throws IllegalStateException if the function is not plugged
     */
    public int rid() {
        return requester().rid();
    }

    /** The requester of this function without PASID: the same object until the RID changes. */
    public Requester requester() {
        return state().requester();
    }

    /**
     * The function's way to memory. The bus puts the function's own RID on every request, whatever
     * the {@link Requester} says. A PASID, Privileged Mode and translated requests need the enables
     * in the function's capabilities, and an IOMMU; without them the request is an Unsupported
     * Request that is not sent.
     */
    public DmaPort dma() {
        return dma;
    }

    /**
     * {@link #dma} past the IOMMU: for a device whose driver was told that addresses are
     * guest-physical whatever the platform has (virtio without VIRTIO_F_ACCESS_PLATFORM). Takes no
     * PASID and no translated requests.
     */
    public DmaPort dmaUntranslated() {
        return dmaUntranslated;
    }

    /**
     * The function's ATS, PRI and PASID messages. A function without these capabilities has one
     * too, on which everything is disabled.
     */
    public AtsPort ats() {
        return ats;
    }

    /**
     * Has {@code chaos} come between the function's ATS and PRI messages and the bus. Before the
     * function is plugged, or while the machine stands still.
     *
     * @param clock for what is delayed
     * @param surpriseRemoval takes the function out of its slot; on the clock's thread
     */
    public void chaos(Chaos chaos, Clock clock, Runnable surpriseRemoval) {
        ats.chaos(new FunctionChaos(chaos, clock, this::reset, surpriseRemoval));
    }

    /** Whether the function has ATS. */
    public boolean hasAts() {
        return ats.isPresent();
    }

    /**
     * Whether the function sends requests that wait for a {@link StalledTransaction}: what a device
     * tree calls {@code dma-can-stall}.
     */
    public boolean canStall() {
        return canStall;
    }

    /** The function as receiver of ATS and PRI messages; empty without ATS. */
    Optional<AtsEndpoint> atsEndpoint() {
        return ats.receivesMessages() ? Optional.of(ats) : Optional.empty();
    }

    /**
     * Signals an MSI-X vector: sent at once, or pending while masked. Ignored while MSI-X is
     * disabled and for a vector the table does not have, since guests choose vector numbers.
     */
    public void signalMsix(int vector) {
        if (msix == null) {
            throw new IllegalStateException(name + " has no MSI-X");
        }
        msix.signal(vector);
    }

    /** Signals an MSI vector, folded onto as many as software granted; ignored while disabled. */
    public void signalMsi(int vector) {
        if (msi == null) {
            throw new IllegalStateException(name + " has no MSI");
        }
        msi.signal(vector);
    }

    /** The root port this is the function of. */
    Optional<RootPort> asPort() {
        return Optional.ofNullable(asPort);
    }

    /** The root port this is plugged behind. */
    Optional<RootPort> above() {
        return Optional.ofNullable(above);
    }

    /** Whether a root port's Link Control register has Link Disable set. */
    boolean linkDisabled() {
        return expressCapability != null
                && ExpressCapability.LINK_DISABLE.isSet(
                        expressCapability.get(ExpressCapability.LINK_CONTROL_PORT));
    }

    int devfn() {
        return devfn;
    }

    /** The root bus, of a function that is not behind a root port. */
    int rootBus() {
        return rootBus;
    }

    boolean isPlugged() {
        return host != null;
    }

    State state() {
        State now = state;
        if (now == null) {
            throw new IllegalStateException(name + " is not plugged");
        }
        return now;
    }

    RegisterFile config() {
        if (config == null) {
            throw new IllegalStateException(name + " is not plugged");
        }
        return config;
    }

    PciHost host() {
        if (host == null) {
            throw new IllegalStateException(name + " is not plugged");
        }
        return host;
    }

    /** Lays out configuration space; from here on the function answers. */
    void attach(PciHost bus, @Nullable RootPort port, int root, int deviceAndFunction) {
        if (host != null) {
            throw new IllegalArgumentException(name + " is plugged already");
        }
        if (port != null && !express) {
            throw new IllegalArgumentException(
                    name + " is not a PCI Express function and fits no root port");
        }
        above = port;
        requests = port == null ? null : new Quiescence();
        rootBus = root;
        devfn = deviceAndFunction;
        boolean resettable = onReset != null;
        if (asPort != null) {
            expressCapability = ExpressCapability.rootPort(asPort, devfn >>> 3);
        } else if (express) {
            expressCapability =
                    port == null
                            ? ExpressCapability.integratedEndpoint(resettable, ats.sendsPasids())
                            : ExpressCapability.endpoint(resettable, ats.sendsPasids());
            ExpressCapability.showPending(expressCapability, pending);
        }
        List<Capability> all = new ArrayList<>();
        if (msi != null) {
            all.add(msi.capability());
        }
        if (msix != null) {
            all.add(msix.capability());
        }
        if (expressCapability != null) {
            all.add(expressOffset == FIRST_CAPABILITY ? 0 : all.size(), expressCapability);
        }
        all.addAll(ats.capabilities());
        all.addAll(capabilities);
        config = layOut(all);
        host = bus;
        hangEffects(config, bus);
        if (resettable && asPort == null && expressCapability != null) {
            flrOn(expressCapability);
        }
        if (listener != null && msi != null) {
            msi.onControl(this::configured);
        }
        if (listener != null && msix != null) {
            msix.onControl(this::configured);
        }
        all.forEach(capability -> capability.bind(config()));
    }

    private void configured() {
        if (listener != null) {
            listener.configured();
        }
    }

    /** Whether Memory Space is enabled. */
    public boolean memoryEnabled() {
        return decodesMemory();
    }

    /** Whether Bus Master is enabled, here and in the port above. */
    public boolean mayMaster() {
        return state().mayMaster();
    }

    /** Whether MSI is enabled. */
    public boolean msiEnabled() {
        return msi != null && msi.enabled();
    }

    /** Whether MSI-X is enabled. */
    public boolean msixEnabled() {
        return msix != null && msix.enabled();
    }

    /** Tells the listener of another RID; called by the host with no lock held. */
    void tellRenumbered() {
        if (listener != null && renumbered.compareAndSet(true, false)) {
            listener.renumbered();
        }
    }

    private RegisterFile layOut(List<Capability> all) {
        List<Capability> plain = all.stream().filter(c -> !c.isExtended()).toList();
        List<Capability> extended = all.stream().filter(Capability::isExtended).toList();
        List<Register> registers = new ArrayList<>();
        int type = asPort == null ? ConfigHeader.HeaderType.TYPE0 : ConfigHeader.HeaderType.TYPE1;
        int first = hasCapabilities() ? FIRST_CAPABILITY : 0;
        registers.addAll(ConfigHeader.common(identity, type, first));
        registers.addAll(asPort == null ? ConfigHeader.type0(identity) : ConfigHeader.type1());
        bars.forEach(bar -> registers.addAll(bar.registers()));
        placeList(plain, FIRST_CAPABILITY, CAPABILITIES_END, registers);
        placeList(extended, FIRST_EXTENDED, ConfigHeader.CONFIG_BYTES, registers);
        return new RegisterFile(ConfigHeader.CONFIG_BYTES, 1, registers);
    }

    private boolean hasCapabilities() {
        return express
                || msi != null
                || msix != null
                || capabilities.stream().anyMatch(c -> !c.isExtended());
    }

    private void placeList(List<Capability> list, int start, int end, List<Register> registers) {
        int base = start;
        for (int i = 0; i < list.size(); i++) {
            int following = base + (list.get(i).sizeBytes() + 3 & ~3);
            if (i + 1 < list.size() && list.get(i + 1) == expressCapability) {
                following = Math.max(following, expressOffset);
            }
            if (following > end) {
                throw new IllegalArgumentException(name + " has too many capabilities");
            }
            registers.addAll(list.get(i).place(base, i + 1 < list.size() ? following : 0));
            base = following;
        }
    }

    private void hangEffects(RegisterFile file, PciHost bus) {
        file.onWrite(
                ConfigHeader.COMMAND,
                _ -> {
                    bus.reconfigure();
                    configured();
                });
        for (Bar bar : bars) {
            bar.registers().forEach(register -> file.onWrite(register, _ -> bus.reconfigure()));
        }
        int type = asPort == null ? ConfigHeader.HeaderType.TYPE0 : ConfigHeader.HeaderType.TYPE1;
        file.onRead(
                ConfigHeader.headerType(type),
                () -> bus.isMultiFunction(this) ? type | 0x80 : type);
    }

    private void flrOn(Capability expressCapability) {
        expressCapability.onWrite(
                ExpressCapability.DEVICE_CONTROL_FLR,
                value -> {
                    if (ExpressCapability.INITIATE_FLR.isSet(value)) {
                        reset();
                    }
                });
    }

    /**
     * Function Level Reset, and what a bus reset does to the function (§6.6): registers as fresh,
     * which also ends bus mastering, ATS, PRI and PASID, then the device's own reset.
     */
    void reset() {
        config().reset();
        if (msi != null) {
            msi.reset();
        }
        if (msix != null) {
            msix.reset();
        }
        ats.reset();
        host().reconfigure();
        if (onReset != null) {
            onReset.run();
        }
        configured();
    }

    /** Derives {@link State} from the registers; called by the host with its routing lock held. */
    void decode() {
        int bus = above == null ? rootBus : above.secondaryBus();
        int rid = (int) RID_BUS.set(devfn, bus);
        State before = state;
        Requester requester =
                before != null && before.requester().rid() == rid
                        ? before.requester()
                        : Requester.withoutPasid(rid);
        if (before == null || !requester.equals(before.requester())) {
            renumbered.set(true);
        }
        RegisterFile file = config();
        boolean masters = ConfigHeader.Command.BUS_MASTER.isSet(file.get(ConfigHeader.COMMAND));
        List<AddressRange> decoded = List.of();
        if (decodesMemory()) {
            decoded = bars.stream().map(bar -> bar.decode(file)).toList();
        }
        state =
                new State(
                        masters && (above == null || above.forwardsUpstream()),
                        requester,
                        decoded,
                        above == null ? AccessControl.NONE : above.accessControl());
    }

    /** What the function is, and how software has programmed it. Any thread. */
    public FunctionInfo info() {
        RegisterFile file = config();
        boolean decoded = decodesMemory();
        return new FunctionInfo(
                name,
                rid(),
                identity.vendor(),
                identity.device(),
                identity.classCode(),
                identity.subsystemVendor(),
                identity.subsystem(),
                mayMaster(),
                capabilityInfos(),
                bars.stream()
                        .map(bar ->
                                new FunctionInfo.BarInfo(
                                        bar.index(),
                                        bar.kind(),
                                        bar.decode(file).first(),
                                        bar.sizeBytes(),
                                        decoded))
                        .toList(),
                asPort().map(RootPort::info));
    }

    private List<FunctionInfo.CapabilityInfo> capabilityInfos() {
        List<FunctionInfo.CapabilityInfo> infos = new ArrayList<>();
        if (msi != null) {
            infos.add(new FunctionInfo.CapabilityInfo("MSI", msi.enabled(), ""));
        }
        if (msix != null) {
            infos.add(new FunctionInfo.CapabilityInfo("MSI-X", msix.enabled(), ""));
        }
        infos.addAll(ats.infos());
        return infos;
    }

    /** Takes the function off the bus for good; called by the host with its routing lock held. */
    void detach() {
        state = new State(false, requester(), List.of(), AccessControl.NONE);
    }

    /** Ends what ATS and PRI have outstanding; after {@link #detach}, with no lock held. */
    void endAts() {
        config().reset();
        ats.reset();
    }

    @Nullable Quiescence requests() {
        return requests;
    }

    /** Runs {@code task} once no request that was let through before {@link #detach} is left. */
    void whenRequestsLeft(Runnable task) {
        if (requests == null) {
            task.run();
        } else {
            requests.whenQuiescent(task);
        }
    }

    /** Claims the BARs inside {@code windows}; called after {@link #decode}. */
    void route(BarRoutes routes, List<AddressRange> windows) {
        if (!decodesMemory()) {
            return;
        }
        for (Bar bar : bars) {
            AddressRange range = bar.decode(config());
            for (AddressRange window : windows) {
                if (msix != null && msix.layout().bar() == bar.index()) {
                    Msix.Layout at = msix.layout();
                    claim(
                            routes,
                            window,
                            range.first() + at.tableOffset(),
                            at.tableBytes(),
                            msix.tableRegion());
                    claim(
                            routes,
                            window,
                            range.first() + at.pbaOffset(),
                            at.pbaBytes(),
                            msix.pbaRegion());
                }
                routes.claim(range.intersect(window), range.first(), bar.region());
            }
        }
    }

    private static void claim(
            BarRoutes routes, AddressRange window, long base, int sizeBytes, MmioRegion region) {
        routes.claim(AddressRange.ofSize(base, sizeBytes).intersect(window), base, region);
    }

    private boolean decodesMemory() {
        return ConfigHeader.Command.MEMORY_SPACE.isSet(config().get(ConfigHeader.COMMAND));
    }

    /** Says in the Status register how one of the function's own reads ended (§7.5.1.1.4). */
    void noteCompletion(CompletionStatus status) {
        BitField bit =
                switch (status) {
                    case SUCCESSFUL -> throw new IllegalArgumentException("not an error");
                    case UNSUPPORTED_REQUEST -> ConfigHeader.Status.RECEIVED_MASTER_ABORT;
                    case COMPLETER_ABORT -> ConfigHeader.Status.RECEIVED_TARGET_ABORT;
                };
        LongUnaryOperator set = bit::setAll;
        config().update(ConfigHeader.status(hasCapabilities()), set);
    }
}
