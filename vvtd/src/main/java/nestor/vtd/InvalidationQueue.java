package nestor.vtd;

import java.util.SortedSet;
import java.util.TreeSet;
import nestor.iommu.AtcInvalidator;
import nestor.iommu.AtsRoute;
import nestor.iommu.host.HostBinding;
import nestor.iommu.oracle.CommandObserver;
import nestor.pci.PageResponse;
import nestor.pci.Quiescence;
import nestor.pci.Requester;
import nestor.vmm.loop.DeviceLoop;
import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.register.RegisterFile;
import nestor.vtd.Registers.FaultStatus;
import nestor.vtd.Registers.Global;
import nestor.vtd.Registers.Queue;
import nestor.vtd.command.InvalidationDescriptor;
import nestor.vtd.command.QueueError;
import nestor.vtd.config.RootTable;
import org.jspecify.annotations.Nullable;

/**
 * The invalidation queue (§6.5.2): descriptors are taken in order. A wait descriptor parks the
 * queue until everything before it is complete, the DMAs that used what was invalidated included,
 * so every one of them is a fence. A device-TLB invalidation that times out shows as ITE at the
 * next wait descriptor, which is aborted; so does one that the host reports of a function that the
 * guest was assigned, and its ICE as ICE. Loop only.
 */
final class InvalidationQueue {
    /** Descriptors served in one go; the loop comes back for the rest. */
    private static final int BUDGET = 256;

    private static final int PAGE_BYTES = 1 << 12;
    private static final int NARROW_BYTES = 16;
    private static final int WIDE_BYTES = 32;

    /** A wait descriptor, or a device-TLB invalidation without a free ITag. */
    private static final class Parked {
        final InvalidationDescriptor.@Nullable Wait wait;

        /** Functions that did not answer in time; written before {@link #released}. */
        final SortedSet<Integer> timedOut = new TreeSet<>();

        volatile boolean released;

        Parked(InvalidationDescriptor.@Nullable Wait wait) {
            this.wait = wait;
        }
    }

    private enum Progress {
        DONE,
        PARKED
    }

    private static final class StoppedException extends Exception {
        private static final long serialVersionUID = 1L;
        private final QueueError error;

        StoppedException(QueueError error) {
            super(null, null, false, false);
            this.error = error;
        }
    }

    private final VtdOptions options;
    private final GuestMemory memory;
    private final RegisterFile registers;
    private final FaultLog faults;
    private final EventInterrupt completion;
    private final Translator translator;
    private final Invalidations invalidations;
    private final AtcInvalidator invalidator;
    private final Quiescence quiescence;
    private final PageRequestQueue pageRequests;
    private final AtsRoute route;
    private final DeviceLoop loop;
    private @Nullable CommandObserver observer;
    private @Nullable Parked parked;

    /** Whether {@link #serve} is on the stack, and will look at {@link #parked} again. */
    private boolean serving;

    InvalidationQueue(
            VtdOptions options,
            GuestMemory memory,
            RegisterFile registers,
            FaultLog faults,
            EventInterrupt completion,
            Translator translator,
            Invalidations invalidations,
            AtcInvalidator invalidator,
            Quiescence quiescence,
            PageRequestQueue pageRequests,
            AtsRoute route,
            DeviceLoop loop) {
        this.options = options;
        this.memory = memory;
        this.registers = registers;
        this.faults = faults;
        this.completion = completion;
        this.translator = translator;
        this.invalidations = invalidations;
        this.invalidator = invalidator;
        this.quiescence = quiescence;
        this.pageRequests = pageRequests;
        this.route = route;
        this.loop = loop;
    }

    /** Before the machine runs. */
    void observe(CommandObserver commandObserver) {
        observer = commandObserver;
    }

    /** QIE cleared, or reset: whatever was waiting is forgotten. */
    void disable() {
        parked = null;
        registers.set(Registers.IQH, 0);
    }

    /** IQA_REG was written: wide descriptors need scalable mode (§11.4.9.3). */
    void configured(long queueAddress) {
        if (Queue.DW.isSet(queueAddress) && !options.has(VtdProperty.SCALABLE_MODE)) {
            stop(QueueError.INVALID_WIDTH);
        }
    }

    /** IQERCD_REG: each field says something only while its status bit is set. */
    long errorRecord() {
        long status = registers.get(Registers.FSTS);
        long stored = registers.get(Registers.IQERCD);
        long shown = FaultStatus.IQE.isSet(status) ? Queue.IQEI.getInPlace(stored) : 0;
        shown |= FaultStatus.ITE.isSet(status) ? Queue.ITESID.getInPlace(stored) : 0;
        return FaultStatus.ICE.isSet(status) ? shown | Queue.ICESID.getInPlace(stored) : shown;
    }

    private boolean isOn() {
        return Global.QIE.isSet(registers.get(Registers.GSTS)) && !faults.isQueueStopped();
    }

    /** Takes descriptors until the queue is empty, stops or is parked. */
    void serve() {
        serving = true;
        try {
            serveBudget();
        } finally {
            serving = false;
        }
    }

    private void serveBudget() {
        for (int served = 0; served < BUDGET; served++) {
            if (!isOn()) {
                return;
            }
            try {
                if (!serveOne()) {
                    return;
                }
            } catch (StoppedException stopped) {
                stop(stopped.error);
                return;
            }
        }
        loop.post(this::serve);
    }

    /** §6.5.2.10: the head stays at the descriptor, with the reason beside it. */
    private void stop(QueueError error) {
        VtdTrace.queueStopped(registers.get(Registers.IQH), error);
        registers.update(Registers.IQERCD, value -> Queue.IQEI.set(value, error.code()));
        faults.queueStopped(FaultStatus.IQE);
    }

    /** False if there is nothing to serve now. */
    private boolean serveOne() throws StoppedException {
        Parked waiting = parked;
        if (waiting != null) {
            if (!waiting.released) {
                return false;
            }
            parked = null;
            return resume(waiting);
        }
        long address = registers.get(Registers.IQA);
        boolean wide = Queue.DW.isSet(address);
        long queueBytes = (long) PAGE_BYTES << Queue.QS.getInt(address);
        long head = registers.get(Registers.IQH);
        long tail = Queue.OFFSET.getInPlace(registers.get(Registers.IQT));
        if (head == tail) {
            return false;
        }
        check(wide, queueBytes, tail);
        InvalidationDescriptor descriptor = fetch(Queue.IQA.getInPlace(address) + head, wide);
        VtdTrace.descriptor(head, descriptor);
        if (observer != null) {
            observer.command(DescriptorText.of(descriptor));
        }
        if (execute(descriptor) == Progress.PARKED) {
            return parked != null && parked.released;
        }
        advance();
        return true;
    }

    private void check(boolean wide, long queueBytes, long tail) throws StoppedException {
        if (tail >= queueBytes) {
            throw new StoppedException(QueueError.INVALID_TAIL);
        }
        if (wide && tail % WIDE_BYTES != 0) {
            throw new StoppedException(QueueError.TAIL_NOT_ALIGNED);
        }
        RootTable root = translator.settings().root();
        if (!root.isValid(options)) {
            throw new StoppedException(QueueError.INVALID_ROOT_TABLE_TYPE);
        }
        if (wide ? !options.has(VtdProperty.SCALABLE_MODE) : root.mode() == RootTable.SCALABLE) {
            throw new StoppedException(QueueError.INVALID_WIDTH);
        }
    }

    private InvalidationDescriptor fetch(long at, boolean wide) throws StoppedException {
        try {
            long upper = wide ? memory.getLongLe(at + 16) | memory.getLongLe(at + 24) : 0;
            return InvalidationDescriptor.decode(
                    memory.getLongLe(at), memory.getLongLe(at + 8), upper);
        } catch (GuestAccessException e) {
            throw new StoppedException(QueueError.FETCH);
        }
    }

    private void advance() {
        long address = registers.get(Registers.IQA);
        long queueBytes = (long) PAGE_BYTES << Queue.QS.getInt(address);
        int bytes = Queue.DW.isSet(address) ? WIDE_BYTES : NARROW_BYTES;
        registers.update(Registers.IQH, head -> (head + bytes) % queueBytes);
    }

    private Progress execute(InvalidationDescriptor descriptor) throws StoppedException {
        switch (descriptor) {
            case InvalidationDescriptor.ContextCache contexts -> invalidations.invalidate(contexts);
            case InvalidationDescriptor.Iotlb iotlb -> {
                legal(
                        iotlb.granularity() != InvalidationDescriptor.PAGE
                                || iotlb.addressMask() <= VtdOptions.MAX_ADDRESS_MASK);
                invalidations.invalidate(iotlb);
            }
            case InvalidationDescriptor.DeviceTlb(int sid, long iova, int sizeLog2) -> {
                needs(VtdProperty.DEVICE_IOTLB);
                return send(sid, Requester.NO_PASID, false, iova, sizeLog2);
            }
            case InvalidationDescriptor.InterruptEntryCache entries -> {
                needs(VtdProperty.INTERRUPT_REMAPPING);
                // Nothing to drop: entries are read anew for each interrupt.
                legal(entries.global() || entries.indexMask() <= VtdOptions.MAX_HANDLE_MASK);
            }
            case InvalidationDescriptor.Wait wait -> {
                return await(wait);
            }
            case InvalidationDescriptor.PasidIotlb iotlb -> {
                needs(VtdProperty.SCALABLE_MODE);
                invalidations.invalidate(iotlb);
            }
            case InvalidationDescriptor.PasidCache pasids -> {
                needs(VtdProperty.SCALABLE_MODE);
                invalidations.invalidate(pasids);
            }
            case InvalidationDescriptor.PasidDeviceTlb tlb -> {
                needs(VtdProperty.DEVICE_IOTLB);
                needs(VtdProperty.SVM);
                return send(tlb.sid(), tlb.pasid(), tlb.global(), tlb.iova(), tlb.sizeLog2());
            }
            case InvalidationDescriptor.PageGroupResponse response -> {
                needs(VtdProperty.PRI);
                legal(!response.privateData() || options.has(VtdProperty.PRIVATE_DATA));
                respond(response);
            }
            case InvalidationDescriptor.Invalid(QueueError error) ->
                    throw new StoppedException(error);
        }
        return Progress.DONE;
    }

    private void needs(VtdProperty feature) throws StoppedException {
        if (!options.has(feature)) {
            throw new StoppedException(QueueError.INVALID_TYPE);
        }
    }

    private static void legal(boolean legal) throws StoppedException {
        if (!legal) {
            throw new StoppedException(QueueError.RESERVED_FIELD);
        }
    }

    /** §6.5.2.5, §6.5.2.6: or parks until the function has an ITag to spare. */
    private Progress send(int sid, int pasid, boolean global, long iova, int sizeLog2) {
        if (!invalidator.isFull(sid)) {
            invalidator.send(sid, pasid, global, iova, sizeLog2);
            return Progress.DONE;
        }
        Parked waiting = new Parked(null);
        parked = waiting;
        invalidator.whenDrained(
                rid -> rid == sid,
                outcome -> {
                    waiting.timedOut.addAll(outcome.timedOut());
                    release(waiting);
                });
        return Progress.PARKED;
    }

    private void respond(InvalidationDescriptor.PageGroupResponse descriptor) {
        var response =
                new PageResponse(
                        descriptor.rid(),
                        descriptor.pasid(),
                        descriptor.prgIndex(),
                        descriptor.code());
        route.endpoint(descriptor.rid()).ifPresent(endpoint -> endpoint.pageResponse(response));
    }

    private Progress await(InvalidationDescriptor.Wait wait) throws StoppedException {
        legal(!wait.pageRequestDrain() || options.drainsPageRequests());
        Parked waiting = new Parked(wait);
        for (HostBinding.HardwareError error : invalidations.flush()) {
            switch (error.kind()) {
                case DEVICE_TIMEOUT -> waiting.timedOut.add(error.rid());
                case COMPLETION -> faults.unexpectedCompletion(error.rid());
            }
        }
        parked = waiting;
        invalidator.whenDrained(
                _ -> true,
                outcome -> {
                    waiting.timedOut.addAll(outcome.timedOut());
                    Runnable released = () -> release(waiting);
                    quiescence.whenQuiescent(
                            wait.pageRequestDrain()
                                    ? () -> pageRequests.whenDrained(released)
                                    : released);
                });
        return Progress.PARKED;
    }

    private void release(Parked waiting) {
        waiting.released = true;
        if (!(loop.inLoop() && serving)) {
            loop.post(this::serve);
        }
    }

    /** Whether the queue goes on. */
    private boolean resume(Parked waiting) {
        InvalidationDescriptor.Wait wait = waiting.wait;
        if (wait != null) {
            advance(); // also past a wait that is aborted: its status is never written
        }
        if (!waiting.timedOut.isEmpty()) {
            int sid = waiting.timedOut.first();
            registers.update(Registers.IQERCD, value -> Queue.ITESID.set(value, sid));
            faults.queueStopped(FaultStatus.ITE);
            return false;
        }
        if (wait != null) {
            complete(wait);
        }
        return true;
    }

    private void complete(InvalidationDescriptor.Wait wait) {
        if (observer != null) {
            observer.completed();
        }
        if (wait.statusWrite()) {
            try {
                memory.setIntLe(wait.statusAddress(), wait.statusData());
            } catch (GuestAccessException e) {
                // A write to nothing is lost, like any posted write.
            }
        }
        if (wait.interrupt()) {
            if (!Queue.IWC.isSet(registers.getAndUpdate(Registers.ICS, Queue.IWC::setAll))) {
                completion.raise();
            }
        }
    }
}
