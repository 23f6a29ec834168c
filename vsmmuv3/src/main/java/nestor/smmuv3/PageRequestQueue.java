package nestor.smmuv3;

import nestor.iommu.AtsRoute;
import nestor.pci.CompletionStatus;
import nestor.pci.PageRequest;
import nestor.pci.PageResponse;
import nestor.pci.Requester;
import nestor.smmuv3.Registers.Cr0;
import nestor.smmuv3.Registers.GlobalError;
import nestor.smmuv3.event.PriRecord;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.register.RegisterFile;

/**
 * The PRI queue, and the answers the SMMU gives by itself when a request does not get into it (IHI
 * 0070, §8.2, §8.3). Any thread.
 */
final class PageRequestQueue {
    private final SmmuV3Options options;
    private final OutputQueue queue;
    private final Interrupts interrupts;
    private final AtsRoute route;

    PageRequestQueue(
            SmmuV3Options options,
            GuestMemory memory,
            RegisterFile registers,
            Interrupts interrupts,
            AtsRoute route) {
        this.options = options;
        this.interrupts = interrupts;
        this.route = route;
        this.queue =
                new OutputQueue(
                        memory,
                        registers,
                        Registers.PRIQ_BASE,
                        Registers.PRIQ_PROD,
                        Registers.PRIQ_CONS,
                        () ->
                                Cr0.PRIQEN.isSet(registers.get(Registers.CR0ACK))
                                        && !interrupts.isActive(GlobalError.PRIQ_ABT_ERR),
                        true);
    }

    /**
     * Takes a request.
     *
     * @param enabled SMMUEN, without which the queue is off
     */
    CompletionStatus take(PageRequest request, boolean enabled) {
        if (!options.pri()) {
            return CompletionStatus.UNSUPPORTED_REQUEST;
        }
        PriRecord entry = PriRecord.of(request);
        OutputQueue.Outcome outcome =
                enabled ? queue.write(entry.dw0(), entry.dw1()) : OutputQueue.Outcome.OFF;
        SmmuTrace.pageRequestQueued(request, outcome.name());
        switch (outcome) {
            case WRITTEN -> {}
            case WRITTEN_FIRST -> interrupts.priQueue();
            case OVERFLOWED -> {
                if (request.last()) {
                    answer(request, PageResponse.SUCCESS, request.requester().pasid());
                }
            }
            case ABORTED -> {
                interrupts.error(GlobalError.PRIQ_ABT_ERR);
                answer(request, PageResponse.RESPONSE_FAILURE, Requester.NO_PASID);
            }
            case OFF -> answer(request, PageResponse.RESPONSE_FAILURE, Requester.NO_PASID);
        }
        return CompletionStatus.SUCCESSFUL;
    }

    /** With IDR3.PPS set, the answer of an overflow carries the request's PASID. */
    private void answer(PageRequest request, int code, int pasid) {
        if (request.isStopMarker()) {
            return;
        }
        int rid = request.requester().rid();
        var response = new PageResponse(rid, pasid, request.prgIndex(), code);
        route.endpoint(rid).ifPresent(endpoint -> endpoint.pageResponse(response));
    }
}
