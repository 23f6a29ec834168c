package nestor.smmuv3;

import java.util.function.BooleanSupplier;
import nestor.iommu.AtcInvalidator;
import nestor.iommu.AtsRoute;
import nestor.iommu.LossyRoute;
import nestor.iommu.host.HostBinding;
import nestor.iommu.host.HostException;
import nestor.iommu.host.HostIommu;
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
import nestor.pci.CompletionStatus;
import nestor.pci.PageRequest;
import nestor.pci.Quiescence;
import nestor.pci.Requester;
import nestor.pci.StalledTransaction;
import nestor.pci.Translation;
import nestor.smmuv3.Registers.Cr0;
import nestor.smmuv3.Registers.Cr1;
import nestor.smmuv3.Registers.Cr2;
import nestor.smmuv3.Registers.Gbpa;
import nestor.smmuv3.Registers.StreamTableBase;
import nestor.smmuv3.config.StreamTable;
import nestor.vmm.interrupt.IrqLine;
import nestor.vmm.loop.DeviceLoop;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.mmio.MmioRegion;
import nestor.vmm.register.Register;
import nestor.vmm.register.RegisterFile;
import nestor.vmm.time.Clock;

/**
 * An SMMUv3: registers for its driver, and the translation agent of the functions behind it, whose
 * Requester IDs are its stream IDs.
 */
public final class SmmuV3 implements OracleSubject, WalkExplorer {
    private static final CommandNames COMMANDS =
            new CommandNames("CMD_TLBI_*", "CMD_ATC_INV", "CMD_CFGI_*", "CMD_SYNC");

    /** Size of the register frame: pages 0 and 1. */
    public static final int REGISTER_BYTES = Registers.BYTES;

    /**
     * The four interrupt wires, edge-triggered.
     *
     * @param eventQueue the Event queue is no longer empty
     * @param priQueue the PRI queue is no longer empty
     * @param commandSync a CMD_SYNC asked for it
     * @param globalError a bit of GERROR became active
     */
    public record Wires(
            IrqLine eventQueue, IrqLine priQueue, IrqLine commandSync, IrqLine globalError) {}

    private final Chaos chaos = new Chaos();
    private final DeviceLoop loop;
    private final RegisterFile registers;
    private final RegisterFrame frame;
    private final Quiescence quiescence = new Quiescence();
    private final AtcInvalidator invalidator;
    private final Translator translator;
    private final Probe probe;
    private final SmmuExplorer explorer;
    private final HostBinding host;
    private final HostStreams hostStreams;
    private final PageRequestQueue pageRequests;
    private final CommandQueue commands;

    /**
     * An SMMU after reset.
     *
     * @param memory where its tables and queues lie
     * @param loop serves its command queue
     * @param clock for ATC invalidation time-outs
     * @param route to the functions behind it
     * @param messages how its own interrupt messages are written
     */
    public SmmuV3(
            SmmuV3Options built,
            GuestMemory memory,
            DeviceLoop loop,
            Clock clock,
            AtsRoute route,
            Wires wires,
            MemoryWriter messages) {
        SmmuV3Options options = built.withFetch(new SwitchedFetch(built.fetch(), chaos));
        this.loop = loop;
        this.registers = new RegisterFile(Registers.BYTES, 4, Registers.of(options));
        this.frame = new RegisterFrame(registers);
        Interrupts interrupts = new Interrupts(registers, wires, messages);
        this.host = new HostBinding(clock);
        AtsRoute functions = host.route(route);
        this.invalidator =
                new AtcInvalidator(
                        new LossyRoute(functions, chaos, clock), clock, options.atcTimeoutNanos());
        this.translator = new Translator(options, memory, registers, interrupts, chaos);
        chaos.onChange(translator::forget);
        this.probe = new Probe(built, memory, translator);
        this.explorer = new SmmuExplorer(built, memory, translator);
        this.pageRequests = new PageRequestQueue(options, memory, registers, interrupts, functions);
        this.hostStreams = new HostStreams(options, memory, translator, host);
        this.commands =
                new CommandQueue(
                        options,
                        memory,
                        registers,
                        interrupts,
                        translator,
                        hostStreams,
                        invalidator,
                        quiescence,
                        functions,
                        loop);
        hangEffects(options);
    }

    private void hangEffects(SmmuV3Options options) {
        registers.onWrite(Registers.CR0, _ -> loop.post(this::applyCr0));
        registers.onWrite(
                Registers.IRQ_CTRL,
                value -> registers.set(Registers.IRQ_CTRLACK, value & irqMask(options)));
        registers.onWrite(
                Registers.GBPA,
                value -> {
                    translator.bypassAborts(Gbpa.ABORT.isSet(value));
                    loop.post(() -> hostStreams.reconcile(_ -> true));
                });
        registers.onWrite(
                Registers.GERRORN,
                _ ->
                        loop.post(() -> {
                            commands.serve();
                            translator.stalls().retryHeld();
                        }));
        registers.onWrite(
                Registers.EVENTQ_CONS, _ -> loop.post(() -> translator.stalls().retryHeld()));
        registers.onWrite(Registers.CMDQ_PROD, _ -> loop.post(commands::serve));
        BooleanSupplier off = () -> !translates();
        frame.guard(Registers.STRTAB_BASE, off);
        frame.guard(Registers.STRTAB_BASE_CFG, off);
        frame.guard(Registers.CR2, off);
        frame.guardCr1(this::lockedOfCr1);
        frame.guard(Registers.CMDQ_BASE, () -> !isOn(Cr0.CMDQEN.mask()));
        frame.guard(Registers.CMDQ_CONS, () -> !isOn(Cr0.CMDQEN.mask()));
        frame.guard(Registers.EVENTQ_BASE, () -> !isOn(Cr0.EVENTQEN.mask()));
        frame.guard(Registers.EVENTQ_PROD, () -> !isOn(Cr0.EVENTQEN.mask()));
        guardMessage(
                Registers.IrqControl.GERROR.mask(),
                Registers.GERROR_IRQ_CFG0,
                Registers.GERROR_IRQ_CFG1,
                Registers.GERROR_IRQ_CFG2);
        guardMessage(
                Registers.IrqControl.EVENTQ.mask(),
                Registers.EVENTQ_IRQ_CFG0,
                Registers.EVENTQ_IRQ_CFG1,
                Registers.EVENTQ_IRQ_CFG2);
        if (options.pri()) {
            frame.guard(Registers.PRIQ_BASE, () -> !isOn(Cr0.PRIQEN.mask()));
            frame.guard(Registers.PRIQ_PROD, () -> !isOn(Cr0.PRIQEN.mask()));
            guardMessage(
                    Registers.IrqControl.PRIQ.mask(),
                    Registers.PRIQ_IRQ_CFG0,
                    Registers.PRIQ_IRQ_CFG1,
                    Registers.PRIQ_IRQ_CFG2);
        }
    }

    /** §6.3.11: table attributes while translating, queue attributes while a queue is on. */
    private long lockedOfCr1() {
        boolean queues = isOn(Cr0.CMDQEN.mask() | Cr0.EVENTQEN.mask() | Cr0.PRIQEN.mask());
        return (translates() ? Cr1.TABLE.mask() : 0) | (queues ? Cr1.QUEUE.mask() : 0);
    }

    private static long irqMask(SmmuV3Options options) {
        return options.pri() ? -1L : ~Registers.IrqControl.PRIQ.mask();
    }

    private void guardMessage(long enable, Register... configuration) {
        for (Register register : configuration) {
            frame.guard(register, () -> (registers.get(Registers.IRQ_CTRLACK) & enable) == 0);
        }
    }

    /** How it misbehaves. */
    public Chaos chaos() {
        return chaos;
    }

    /** The register frame. */
    public MmioRegion registers() {
        return frame;
    }

    private boolean isOn(long enable) {
        return (registers.get(Registers.CR0ACK) & enable) != 0;
    }

    private boolean translates() {
        return isOn(Cr0.SMMUEN.mask());
    }

    /**
     * §6.3.9: the write takes effect; CR0ACK says so once no DMA runs under the old settings. Loop.
     */
    private void applyCr0() {
        long value = registers.get(Registers.CR0);
        translator.settings(
                new Translator.Settings(
                        Cr0.SMMUEN.isSet(value),
                        Cr0.ATSCHK.isSet(value),
                        Cr2.RECINVSID.isSet(registers.get(Registers.CR2)),
                        Gbpa.ABORT.isSet(registers.get(Registers.GBPA)),
                        streamTable()));
        hostStreams.reconcile(_ -> true);
        quiescence.whenQuiescent(() -> {
            if (!Cr0.SMMUEN.isSet(value)) {
                translator.stalls().terminateAll();
            }
            registers.set(Registers.CR0ACK, value);
            loop.post(() -> {
                commands.serve();
                translator.stalls().retryHeld();
            });
        });
    }

    /** §6.3.24: anything but a two-level table with a known split is linear. */
    private StreamTable streamTable() {
        long base = registers.get(Registers.STRTAB_BASE);
        long config = registers.get(Registers.STRTAB_BASE_CFG);
        int split =
                StreamTableBase.FMT.getInt(config) == 1 ? StreamTableBase.SPLIT.getInt(config) : 0;
        boolean known = split == 6 || split == 8 || split == 10;
        return new StreamTable(
                StreamTableBase.ADDR.getInPlace(base),
                Math.min(StreamTableBase.LOG2SIZE.getInt(config), 32),
                known ? split : 0);
    }

    /** Everything as after power-on; no DMA is under way. */
    public void reset() {
        registers.reset();
        invalidator.reset();
        commands.reset();
        translator.reset();
        loop.post(() -> hostStreams.reconcile(_ -> true));
    }

    /**
     * The host's device at {@code sid} does its own DMA: from now on the host is told what the
     * guest's structures say of it. On the SMMU's loop.
     *
     * @throws HostException if the host has no such device
     */
    public void assign(int sid, HostIommu hostIommu) throws HostException {
        host.assign(sid, hostIommu, this, hostStreams::fault);
        hostStreams.reconcile(stream -> stream == sid);
    }

    /** The device at {@code sid} is taken back; all of it is blocked. On the SMMU's loop. */
    public void unassign(int sid) {
        host.unassign(sid);
    }

    /** Functions were pulled: nothing they were asked is waited for. Any thread. */
    public void functionsLeft() {
        invalidator.removeAbsent();
    }

    @Override
    public Translation translate(Requester requester, AddressType type, long address, int access) {
        return type == AddressType.UNTRANSLATED
                ? translator.translate(requester, address, access, null)
                : translator.translated(requester, address, access);
    }

    @Override
    public Translation translate(
            Requester requester, long address, int access, StalledTransaction waiting) {
        return translator.translate(requester, address, access, waiting);
    }

    @Override
    public AtsCompletion requestTranslation(AtsRequest request) {
        return translator.requestTranslation(request);
    }

    @Override
    public CompletionStatus requestPage(PageRequest request) {
        return pageRequests.take(request, translates());
    }

    @Override
    public WalkReport explore(Requester requester, long iova, int access) {
        return explorer.explore(requester, iova, access);
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
    public OracleSubject.CommandNames commandNames() {
        return COMMANDS;
    }

    @Override
    public CurrentTranslation current(
            TranslationCache cache, Requester requester, long iova, int access) {
        return probe.current(cache, requester, iova, access);
    }

    @Override
    public void observe(CommandObserver observer) {
        translator.iotlb().onInvalidated(observer::invalidated);
        invalidator.onSend(observer::atcInvalidated);
        commands.observe(observer);
    }
}
