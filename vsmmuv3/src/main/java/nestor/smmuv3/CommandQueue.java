package nestor.smmuv3;

import nestor.iommu.AtcInvalidator;
import nestor.iommu.AtsRoute;
import nestor.iommu.IovaRange;
import nestor.iommu.Tags;
import nestor.iommu.oracle.CommandObserver;
import nestor.pci.PageResponse;
import nestor.pci.Quiescence;
import nestor.smmuv3.Registers.Cr0;
import nestor.smmuv3.Registers.GlobalError;
import nestor.smmuv3.Registers.Queue;
import nestor.smmuv3.command.Command;
import nestor.smmuv3.command.CommandError;
import nestor.smmuv3.command.TlbRange;
import nestor.smmuv3.config.TlbTag;
import nestor.vmm.loop.DeviceLoop;
import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.register.RegisterFile;
import org.jspecify.annotations.Nullable;

/**
 * The Command queue (IHI 0070, §3.5, chapter 4, §7.1): commands are taken in order; a CMD_SYNC
 * parks the queue until everything before it is complete, the DMAs that used what was invalidated
 * included. Loop only.
 */
final class CommandQueue {
    /** Commands served in one go; the loop comes back for the rest. */
    private static final int BUDGET = 256;

    private static final int RANGE_ALL = 31;

    /** CMD_PRI_RESP.Resp to the wire's response codes (§4.5.2). */
    private static final int[] RESPONSE_CODES = {
        PageResponse.RESPONSE_FAILURE, PageResponse.INVALID_REQUEST, PageResponse.SUCCESS
    };

    /** CMD_RESUME.RESP: Abort and Action bits (§4.6.1). */
    private static final StallBuffer.Response[] RESUME_RESPONSES = {
        StallBuffer.Response.RAZ_WI,
        StallBuffer.Response.RETRY,
        StallBuffer.Response.ABORT,
        StallBuffer.Response.RETRY
    };

    /** A CMD_SYNC, or a CMD_ATC_INV without a free ITag, that keeps the queue from going on. */
    private static final class Parked {
        final Command.@Nullable Sync sync;
        volatile boolean released;

        Parked(Command.@Nullable Sync sync) {
            this.sync = sync;
        }
    }

    /** What executing a command came to, beside a {@link CommandError}. */
    private enum Progress {
        DONE,
        PARKED
    }

    private static final class StoppedException extends Exception {
        private static final long serialVersionUID = 1L;
        private final CommandError error;

        StoppedException(CommandError error) {
            super(null, null, false, false);
            this.error = error;
        }
    }

    private final SmmuV3Options options;
    private final GuestMemory memory;
    private final RegisterFile registers;
    private final Interrupts interrupts;
    private final Translator translator;
    private final HostStreams hostStreams;
    private final AtcInvalidator invalidator;
    private final Quiescence quiescence;
    private final AtsRoute route;
    private final DeviceLoop loop;
    private @Nullable CommandObserver observer;
    private @Nullable Parked parked;

    /** Whether {@link #serve} is on the stack, and will look at {@link #parked} again. */
    private boolean serving;

    /** Whether an ATC invalidation since the last CMD_SYNC timed out. */
    private volatile boolean atcTimedOut;

    CommandQueue(
            SmmuV3Options options,
            GuestMemory memory,
            RegisterFile registers,
            Interrupts interrupts,
            Translator translator,
            HostStreams hostStreams,
            AtcInvalidator invalidator,
            Quiescence quiescence,
            AtsRoute route,
            DeviceLoop loop) {
        this.options = options;
        this.memory = memory;
        this.registers = registers;
        this.interrupts = interrupts;
        this.translator = translator;
        this.hostStreams = hostStreams;
        this.invalidator = invalidator;
        this.quiescence = quiescence;
        this.route = route;
        this.loop = loop;
    }

    /** Before the machine runs. */
    void observe(CommandObserver commandObserver) {
        observer = commandObserver;
    }

    void reset() {
        parked = null;
        atcTimedOut = false;
        if (observer != null) {
            observer.reset();
        }
    }

    private boolean isOn(long enable) {
        return (registers.get(Registers.CR0ACK) & enable) != 0;
    }

    /** Takes commands until the queue is empty, stops or is parked. */
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
            if (!isOn(Cr0.CMDQEN.mask()) || interrupts.isActive(GlobalError.CMDQ_ERR)) {
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

    /** False if there is nothing to serve now. */
    private boolean serveOne() throws StoppedException {
        Parked waiting = parked;
        if (waiting != null) {
            if (!waiting.released) {
                return false;
            }
            parked = null;
            if (waiting.sync != null) {
                finish(waiting.sync);
                advance();
                return true;
            }
        }
        int log2 =
                Math.min(
                        Queue.LOG2SIZE.getInt(registers.get(Registers.CMDQ_BASE)),
                        SmmuV3Options.QUEUE_LOG2);
        long indices = (2L << log2) - 1;
        long cons = registers.get(Registers.CMDQ_CONS) & indices;
        if (cons == (registers.get(Registers.CMDQ_PROD) & indices)) {
            return false;
        }
        Entry entry = read(cons & (1L << log2) - 1, log2);
        Command command = Command.decode(entry.word0(), entry.word1());
        SmmuTrace.commandConsumed(cons, command, entry.word0(), entry.word1());
        if (observer != null) {
            observer.command(CommandNames.text(command));
        }
        if (execute(command) == Progress.PARKED) {
            return parked != null && parked.released;
        }
        hostStreams.executed(command, entry.word0(), entry.word1());
        advance();
        return true;
    }

    /** A command as it stands in the queue. */
    private record Entry(long word0, long word1) {}

    private Entry read(long index, int log2) throws StoppedException {
        long base = Queue.ADDR.getInPlace(registers.get(Registers.CMDQ_BASE));
        long address = (base & -((long) Command.BYTES << log2)) + index * Command.BYTES;
        try {
            return new Entry(memory.getLongLe(address), memory.getLongLe(address + 8));
        } catch (GuestAccessException e) {
            throw new StoppedException(CommandError.CERROR_ABT);
        }
    }

    private void advance() {
        registers.update(
                Registers.CMDQ_CONS,
                value -> {
                    int log2 =
                            Math.min(
                                    Queue.LOG2SIZE.getInt(registers.get(Registers.CMDQ_BASE)),
                                    SmmuV3Options.QUEUE_LOG2);
                    return value + 1 & (2L << log2) - 1;
                });
    }

    /** §7.1: CONS stays at the command, with the reason beside it, before the error shows. */
    private void stop(CommandError error) {
        SmmuTrace.commandStopped(registers.get(Registers.CMDQ_CONS), error);
        registers.update(Registers.CMDQ_CONS, value -> Queue.ERR.set(value, error.code()));
        interrupts.error(GlobalError.CMDQ_ERR);
    }

    private Progress execute(Command command) throws StoppedException {
        switch (command) {
            case Command.Prefetch _, Command.CfgiVmsPidm _ -> {}
            case Command.CfgiSte(int sid, _) -> translator.invalidate(sid);
            case Command.CfgiSteRange(int sid, int range) ->
                    translator.invalidateRange(range == RANGE_ALL ? 0 : sid, range);
            case Command.CfgiCd(int sid, _, _) -> translator.invalidate(sid);
            case Command.CfgiCdAll(int sid) -> translator.invalidate(sid);
            case Command.TlbiNhAll(int vmid) -> {
                needs(options.stage1());
                drop(TlbTag.nhAll(vmid(vmid)));
            }
            case Command.TlbiNhAsid(int vmid, int asid) -> {
                needs(options.stage1());
                drop(TlbTag.nhAsid(vmid(vmid), asid));
            }
            case Command.TlbiNhVa(int vmid, int asid, TlbRange range) -> {
                needs(options.stage1());
                IovaRange covered = covered(range);
                drop(TlbTag.nhAsid(vmid(vmid), asid), covered);
                drop(TlbTag.nhGlobal(vmid(vmid)), covered);
                dropTables(range, TlbTag.nhAsid(vmid(vmid), asid));
            }
            case Command.TlbiNhVaa(int vmid, TlbRange range) -> {
                needs(options.stage1());
                drop(TlbTag.nhAll(vmid(vmid)), covered(range));
                dropTables(range, TlbTag.nhAll(vmid(vmid)));
            }
            case Command.TlbiS12VmAll(int vmid) -> {
                needs(options.stage2());
                drop(TlbTag.s12VmAll(vmid));
            }
            case Command.TlbiS2Ipa(int vmid, TlbRange range) -> {
                needs(options.stage2());
                drop(TlbTag.s2(vmid), covered(range));
            }
            case Command.TlbiNsnhAll() -> drop(Tags.ALL);
            case Command.AtcInv atcInv -> {
                return atcInvalidate(atcInv);
            }
            case Command.PriResp response -> respond(response);
            case Command.Sync sync -> {
                return synchronize(sync);
            }
            case Command.Resume(int sid, int stag, int response) -> {
                needs(options.stall());
                translator.stalls().resume(sid, stag, RESUME_RESPONSES[response]);
            }
            case Command.StallTerm(int sid) -> {
                needs(options.stall());
                translator.stalls().terminate(sid);
            }
            case Command.TlbiEl2 _, // SMMU_IDR0.Hyp is clear
                    Command.Illegal _ ->
                    needs(false);
        }
        return Progress.DONE;
    }

    private static void needs(boolean legal) throws StoppedException {
        if (!legal) {
            throw new StoppedException(CommandError.CERROR_ILL);
        }
    }

    /** Without stage 2 there are no VMIDs. */
    private int vmid(int vmid) {
        return options.stage2() ? vmid : 0;
    }

    private IovaRange covered(TlbRange range) throws StoppedException {
        needs(!(options.rangeInvalidation() && range.isReserved()));
        return range.range(options.rangeInvalidation());
    }

    private void dropTables(TlbRange range, Tags tags) {
        if (!range.leaf()) {
            translator.greedyTables().invalidate(tags);
        }
    }

    private void drop(Tags tags) {
        translator.greedyTables().invalidate(tags);
        drop(tags, IovaRange.ALL);
    }

    private void drop(Tags tags, IovaRange range) {
        translator.iotlb().invalidate(tags, range);
    }

    private Progress atcInvalidate(Command.AtcInv command) throws StoppedException {
        needs(options.ats());
        int sid = command.sid();
        if (!isOn(Cr0.SMMUEN.mask()) || sid < 0 || sid >>> options.sidBits() != 0) {
            return Progress.DONE;
        }
        if (invalidator.isFull(sid)) {
            Parked waiting = new Parked(null);
            parked = waiting;
            invalidator.whenDrained(
                    rid -> rid == sid,
                    outcome -> {
                        note(outcome);
                        release(waiting);
                    });
            return Progress.PARKED;
        }
        invalidator.send(
                sid, command.pasid(), command.global(), command.iova(), command.sizeLog2());
        return Progress.DONE;
    }

    /** A UR is no error (§4.5.1). */
    private void note(AtcInvalidator.Outcome outcome) {
        if (!outcome.timedOut().isEmpty()) {
            atcTimedOut = true;
        }
    }

    private void respond(Command.PriResp command) throws StoppedException {
        needs(options.pri() && command.response() < RESPONSE_CODES.length);
        int sid = command.sid();
        if (!isOn(Cr0.SMMUEN.mask()) || sid < 0 || sid >>> options.sidBits() != 0) {
            return;
        }
        var response =
                new PageResponse(
                        sid,
                        command.pasid(),
                        command.prgIndex(),
                        RESPONSE_CODES[command.response()]);
        route.endpoint(sid).ifPresent(endpoint -> endpoint.pageResponse(response));
    }

    private Progress synchronize(Command.Sync sync) throws StoppedException {
        needs(sync.signal() != 3);
        if (!hostStreams.flush()) {
            atcTimedOut = true;
        }
        Parked waiting = new Parked(sync);
        parked = waiting;
        invalidator.whenDrained(
                _ -> true,
                outcome -> {
                    note(outcome);
                    quiescence.whenQuiescent(() -> release(waiting));
                });
        return Progress.PARKED;
    }

    private void release(Parked waiting) {
        waiting.released = true;
        if (!(loop.inLoop() && serving)) {
            loop.post(this::serve);
        }
    }

    /** The DMAs are over and the endpoints have answered, or are late. */
    private void finish(Command.Sync sync) throws StoppedException {
        if (atcTimedOut) {
            atcTimedOut = false;
            throw new StoppedException(CommandError.CERROR_ATC_INV_SYNC);
        }
        if (observer != null) {
            observer.completed();
        }
        if (sync.signal() == 1) {
            interrupts.sync(sync.msiAddress(), sync.msiData());
        }
    }
}
