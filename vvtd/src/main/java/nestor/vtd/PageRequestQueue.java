package nestor.vtd;

import nestor.iommu.AtsRoute;
import nestor.pci.CompletionStatus;
import nestor.pci.PageRequest;
import nestor.pci.PageResponse;
import nestor.pci.Quiescence;
import nestor.pci.Requester;
import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.register.RegisterFile;
import nestor.vtd.Registers.PageRequests;
import nestor.vtd.config.ConfigFault;
import nestor.vtd.config.RemappingStructures;
import nestor.vtd.config.RequesterConfig;
import nestor.vtd.config.RootTable;
import nestor.vtd.event.FaultReason;
import nestor.vtd.event.PageRequestDescriptor;

/**
 * The page request queue (§7.4, §7.5), and the answers that the unit gives by itself when a request
 * does not get into it (§7.6). Any thread.
 */
final class PageRequestQueue {
    private static final int PAGE_BYTES = 1 << 12;

    /** What became of a request that a configuration was found for. */
    private enum Outcome {
        QUEUED,
        QUEUED_FIRST,
        OVERFLOWED,
        OVERFLOWED_FIRST,
        ABORTED
    }

    private final VtdOptions options;
    private final GuestMemory memory;
    private final RegisterFile registers;
    private final EventInterrupt interrupt;
    private final Translator translator;
    private final AtsRoute route;
    private final Quiescence underWay = new Quiescence();
    private final Object lock = new Object();
    private long privateData;

    PageRequestQueue(
            VtdOptions options,
            GuestMemory memory,
            RegisterFile registers,
            EventInterrupt interrupt,
            Translator translator,
            AtsRoute route) {
        this.options = options;
        this.memory = memory;
        this.registers = registers;
        this.interrupt = interrupt;
        this.translator = translator;
        this.route = route;
    }

    /** Runs {@code task} when every request that came before is in the queue, or answered. */
    void whenDrained(Runnable task) {
        underWay.whenQuiescent(task);
    }

    /** Software wrote to PRS_REG. */
    void acknowledged() {
        if (registers.get(Registers.PRS) == 0) {
            interrupt.withdraw();
            if (registers.get(Registers.PRS) != 0) { // since; it may be this event that went
                interrupt.raise();
            }
        }
    }

    /** Takes a request, or answers it. */
    CompletionStatus take(PageRequest request) {
        if (!options.has(VtdProperty.PRI)) {
            return CompletionStatus.UNSUPPORTED_REQUEST;
        }
        long ticket = underWay.enter();
        try {
            judge(request);
        } finally {
            underWay.exit(ticket);
        }
        return CompletionStatus.SUCCESSFUL;
    }

    private void judge(PageRequest request) {
        VtdTrace.pageRequest(request);
        Translator.Settings settings = translator.settings();
        if (!settings.enabled() || registers.get(Registers.PQA) == 0) {
            answer(request, PageResponse.INVALID_REQUEST);
            return;
        }
        switch (configure(settings, request.requester())) {
            case RemappingStructures.Result.Failed(ConfigFault fault) -> {
                translator.recordPageRequest(fault, request.requester(), request.iova());
                answer(request, PageResponse.INVALID_REQUEST);
            }
            case RemappingStructures.Result.Configured(RequesterConfig config) -> {
                translator.forgetPage(config, request.iova());
                queue(request);
            }
        }
    }

    /** §7.4.1: page requests are for scalable mode, and for context entries with PRE. */
    private RemappingStructures.Result configure(
            Translator.Settings settings, Requester requester) {
        if (settings.root().mode() == RootTable.LEGACY) {
            return new RemappingStructures.Result.Failed(
                    new ConfigFault(FaultReason.LEGACY_PAGE_REQUEST, false));
        }
        RemappingStructures.Result result = translator.configure(requester, false);
        if (result instanceof RemappingStructures.Result.Configured(RequesterConfig config)
                && !config.context().pageRequests()) {
            return new RemappingStructures.Result.Failed(
                    new ConfigFault(
                            FaultReason.PAGE_REQUESTS_DISABLED,
                            config.context().faultProcessingDisabled()));
        }
        return result;
    }

    private void queue(PageRequest request) {
        Outcome outcome;
        synchronized (lock) {
            outcome = write(request);
        }
        switch (outcome) {
            case QUEUED -> {}
            case QUEUED_FIRST -> interrupt.raise();
            case OVERFLOWED -> answer(request, PageResponse.SUCCESS);
            case OVERFLOWED_FIRST -> {
                interrupt.raise();
                answer(request, PageResponse.SUCCESS);
            }
            case ABORTED -> answer(request, PageResponse.RESPONSE_FAILURE);
        }
    }

    private Outcome write(PageRequest request) {
        if (PageRequests.PRO.isSet(registers.get(Registers.PRS))) {
            return Outcome.OVERFLOWED;
        }
        long address = registers.get(Registers.PQA);
        long queueBytes = (long) PAGE_BYTES << PageRequests.PQS.getInt(address);
        long tail = PageRequests.OFFSET.getInPlace(registers.get(Registers.PQT)) % queueBytes;
        long head = PageRequests.OFFSET.getInPlace(registers.get(Registers.PQH)) % queueBytes;
        long next = (tail + PageRequestDescriptor.BYTES) % queueBytes;
        if (next == head) {
            boolean first = registers.getAndUpdate(Registers.PRS, PageRequests.PRO::setAll) == 0;
            return first ? Outcome.OVERFLOWED_FIRST : Outcome.OVERFLOWED;
        }
        boolean keepsData = options.has(VtdProperty.PRIVATE_DATA) && request.last();
        PageRequestDescriptor descriptor =
                PageRequestDescriptor.of(request, keepsData ? ++privateData : 0);
        try {
            long at = PageRequests.PQA.getInPlace(address) + tail;
            memory.setLongLe(at + 8, descriptor.qw1());
            memory.setLongLe(at + 16, descriptor.privateData());
            memory.setLongLe(at + 24, 0);
            memory.setLongLe(at, descriptor.qw0());
        } catch (GuestAccessException e) {
            return Outcome.ABORTED;
        }
        registers.set(Registers.PQT, next);
        boolean first = registers.getAndUpdate(Registers.PRS, PageRequests.PPR::setAll) == 0;
        return first ? Outcome.QUEUED_FIRST : Outcome.QUEUED;
    }

    /** §7.6: one answer for a group, to its last request; none to a stop marker. */
    private void answer(PageRequest request, int code) {
        if (!request.last() || request.isStopMarker()) {
            return;
        }
        Requester requester = request.requester();
        var response =
                new PageResponse(requester.rid(), requester.pasid(), request.prgIndex(), code);
        route.endpoint(requester.rid()).ifPresent(endpoint -> endpoint.pageResponse(response));
    }
}
