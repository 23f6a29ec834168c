package nestor.vtd;

import nestor.iommu.AtcInvalidator;
import nestor.iommu.AtsRoute;
import nestor.iommu.LossyRoute;
import nestor.iommu.host.HostBinding;
import nestor.iommu.host.HostEvents;
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
import nestor.pci.Translation;
import nestor.vmm.interrupt.MsiSink;
import nestor.vmm.loop.DeviceLoop;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.mmio.MmioRegion;
import nestor.vmm.register.RegisterFile;
import nestor.vmm.time.Clock;
import org.jspecify.annotations.Nullable;

/**
 * A remapping hardware unit: registers for its driver, the translation agent of the functions in
 * its scope, and the remapper of their interrupt messages.
 */
public final class VtdUnit implements OracleSubject, WalkExplorer {
    private static final CommandNames COMMANDS =
            new CommandNames(
                    "iotlb_inv_dsc or p_iotlb_inv_dsc",
                    "dev_tlb_inv_dsc or p_dev_tlb_inv_dsc",
                    "cc_inv_dsc or pc_inv_dsc",
                    "inv_wait_dsc");

    /** Size of the register frame: DRHD's size field is 0. */
    public static final int REGISTER_BYTES = Registers.BYTES;

    private final Chaos chaos = new Chaos();
    private final VtdOptions options;
    private final DeviceLoop loop;
    private final RegisterFile registers;
    private final Quiescence quiescence = new Quiescence();
    private final EventInterrupt pageRequestEvent;
    private final EventInterrupt completionEvent;
    private final FaultLog faults;
    private final Translator translator;
    private final Probe probe;
    private final TranslationRequests translationRequests;
    private final VtdExplorer explorer;
    private final PageRequestQueue pageRequests;
    private final AtcInvalidator invalidator;
    private final HostBinding host;
    private final PasidBindings bindings;
    private final InvalidationQueue queue;
    private final RegisterInvalidation registerInvalidation;
    private final InterruptRemapper remapper;
    private final GlobalCommands commands;
    private @Nullable CommandObserver observer;

    /**
     * A unit after reset.
     *
     * @param memory where its structures and queues lie
     * @param loop serves its commands and its invalidation queue
     * @param clock for device-TLB invalidation time-outs
     * @param route to the functions behind it
     * @param apic takes interrupt messages in compatibility format, the unit's own included; bits
     *     63:40 of the address are bits 31:8 of the APIC ID
     */
    public VtdUnit(
            VtdOptions options,
            GuestMemory memory,
            DeviceLoop loop,
            Clock clock,
            AtsRoute route,
            MsiSink apic) {
        this.options = options;
        this.loop = loop;
        this.registers = new RegisterFile(Registers.BYTES, 4, Registers.of(options));
        EventInterrupt faultEvent = EventInterrupt.ofFaults(registers, apic);
        this.completionEvent = EventInterrupt.ofCompletions(registers, apic);
        this.pageRequestEvent = EventInterrupt.ofPageRequests(registers, apic);
        this.faults = new FaultLog(registers, faultEvent);
        this.translator = new Translator(options, memory, faults, chaos);
        chaos.onChange(translator::forget);
        this.probe = new Probe(options, memory, translator);
        this.translationRequests = new TranslationRequests(options, translator);
        this.explorer = new VtdExplorer(options, memory, translator);
        this.host = new HostBinding(clock);
        AtsRoute functions = host.route(route);
        this.pageRequests =
                new PageRequestQueue(
                        options, memory, registers, pageRequestEvent, translator, functions);
        this.invalidator =
                new AtcInvalidator(
                        new LossyRoute(functions, chaos, clock),
                        clock,
                        options.atcTimeoutNanos(),
                        faults::unexpectedCompletion);
        this.bindings = new PasidBindings(translator, host);
        Invalidations invalidations = new Invalidations(translator, bindings);
        this.queue =
                new InvalidationQueue(
                        options,
                        memory,
                        registers,
                        faults,
                        completionEvent,
                        translator,
                        invalidations,
                        invalidator,
                        quiescence,
                        pageRequests,
                        functions,
                        loop);
        this.registerInvalidation =
                new RegisterInvalidation(registers, invalidations, quiescence, loop);
        this.remapper = new InterruptRemapper(options, memory, faults, apic);
        this.commands =
                new GlobalCommands(
                        options, registers, translator, queue, remapper, bindings, quiescence);
        hangFaultEffects(faultEvent);
        hangCommandEffects();
        if (options.has(VtdProperty.PRI)) {
            registers.onWrite(Registers.PECTL, _ -> pageRequestEvent.deliver());
            registers.onWrite(Registers.PRS, _ -> pageRequests.acknowledged());
        }
    }

    private void hangFaultEffects(EventInterrupt faultEvent) {
        registers.onWrite(Registers.FECTL, _ -> faultEvent.deliver());
        registers.onWrite(
                Registers.FSTS,
                _ -> {
                    faults.acknowledged();
                    loop.post(queue::serve);
                });
        for (int n = 0; n < VtdOptions.FAULT_RECORDS; n++) {
            registers.onWrite(Registers.faultRecord(n), _ -> faults.acknowledged());
        }
    }

    private void hangCommandEffects() {
        registers.onRead(Registers.GCMD, () -> 0);
        registers.onWrite(Registers.GCMD, value -> loop.post(() -> commands.command(value)));
        registers.onWrite(Registers.CCMD, registerInvalidation::contextCommand);
        registers.onWrite(Registers.IOTLB, registerInvalidation::iotlbCommand);
        registers.onWrite(Registers.IQA, queue::configured);
        registers.onWrite(Registers.IQT, _ -> loop.post(queue::serve));
        registers.onRead(Registers.IQERCD, queue::errorRecord);
        registers.onWrite(Registers.IECTL, _ -> completionEvent.deliver());
        registers.onWrite(
                Registers.ICS,
                value -> {
                    if (value == 0) {
                        completionEvent.withdraw();
                        if (registers.get(Registers.ICS) != 0) { // since
                            completionEvent.raise();
                        }
                    }
                });
    }

    /** How it misbehaves. */
    public Chaos chaos() {
        return chaos;
    }

    /** The register frame. */
    public MmioRegion registers() {
        return registers;
    }

    /**
     * Where the interrupt messages of functions and I/O APICs arrive: writes to FEEx_xxxxh, with
     * the writer's source ID.
     */
    public MsiSink interrupts() {
        return remapper;
    }

    /**
     * The host's device behind {@code rid} does its own DMA: from now on the host is told what the
     * guest's structures say of it. On the unit's loop.
     *
     * @throws HostException if the host has no such device
     */
    public void assign(int rid, HostIommu hostIommu) throws HostException {
        host.assign(rid, hostIommu, this, HostEvents.NONE);
        bindings.assigned(rid);
    }

    /** The device at {@code rid} is taken back; all of it is blocked. On the unit's loop. */
    public void unassign(int rid) {
        bindings.unassigned(rid);
        host.unassign(rid);
    }

    /** What it was built with. */
    public VtdOptions options() {
        return options;
    }

    /** Everything as after power-on; no DMA is under way. */
    public void reset() {
        registers.reset();
        faults.reset();
        invalidator.reset();
        queue.disable();
        translator.reset();
        remapper.reset();
        if (observer != null) {
            observer.reset();
        }
        loop.post(() -> bindings.reconcile(_ -> true));
    }

    /** The function {@code rid} was unplugged. */
    public void removed(int rid) {
        invalidator.removed(rid);
    }

    /** Functions were pulled: nothing they were asked is waited for. Any thread. */
    public void functionsLeft() {
        invalidator.removeAbsent();
    }

    @Override
    public Translation translate(Requester requester, AddressType type, long address, int access) {
        return type == AddressType.UNTRANSLATED
                ? translator.translate(requester, address, access)
                : translator.translated(requester, address, access);
    }

    @Override
    public AtsCompletion requestTranslation(AtsRequest request) {
        return translationRequests.answer(request);
    }

    @Override
    public CompletionStatus requestPage(PageRequest request) {
        return pageRequests.take(request);
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
        translator.iotlb().onInvalidated(commandObserver::invalidated);
        invalidator.onSend(commandObserver::atcInvalidated);
        queue.observe(commandObserver);
        registerInvalidation.observe(commandObserver);
    }
}
