package nestor.smmuv3;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntFunction;
import java.util.function.IntPredicate;
import nestor.pci.CompletionStatus;
import nestor.pci.Requester;
import nestor.pci.StalledTransaction;
import nestor.pci.Translation;
import org.jspecify.annotations.Nullable;

/**
 * Transactions that wait for software to look at their fault (IHI 0070, §3.12.2): each under a STAG
 * that an event has named, until CMD_RESUME or CMD_STALL_TERM. Any thread; nobody is told anything
 * with the lock held.
 *
 * <p>A fault that finds no free STAG, or no room in the Event queue, has no record: its transaction
 * is tried again when there is one. One that repeats a stalled one joins it, without a record.
 */
final class StallBuffer {
    /** What CMD_RESUME asks for (§4.6.1). */
    enum Response {
        RETRY,
        ABORT,
        RAZ_WI
    }

    /** What makes two faults the same. */
    private record Cause(int sid, int ssid, long page, boolean privileged, int access) {}

    private static final class Slot {
        final Cause cause;

        /** The first is the one that was recorded. */
        final List<StalledTransaction> waiting = new ArrayList<>();

        Slot(Cause cause) {
            this.cause = cause;
        }
    }

    private record Held(int sid, StalledTransaction waiting) {}

    private static final int GRANULE_LOG2 = 12;

    private final Object lock = new Object();
    private final @Nullable Slot[] slots = new @Nullable Slot[SmmuV3Options.STALL_MAX];
    private List<Held> held = new ArrayList<>();

    /**
     * Stalls a transaction.
     *
     * @param access {@link Translation} bits
     * @param record writes the event for a STAG
     * @return what became of the record, for the interrupts it asks for; null if there is none
     */
    OutputQueue.@Nullable Outcome stall(
            Requester requester,
            long iova,
            int access,
            StalledTransaction waiting,
            IntFunction<OutputQueue.Outcome> record) {
        var cause =
                new Cause(
                        requester.rid(),
                        requester.pasid(),
                        iova >>> GRANULE_LOG2,
                        requester.privileged(),
                        access);
        synchronized (lock) {
            int free = -1;
            for (int stag = 0; stag < slots.length; stag++) {
                Slot slot = slots[stag];
                if (slot != null && slot.cause.equals(cause)) {
                    slot.waiting.add(waiting);
                    return null;
                }
                free = slot == null && free < 0 ? stag : free;
            }
            OutputQueue.Outcome outcome = free < 0 ? null : record.apply(free);
            if (outcome != null && outcome.isWritten()) {
                Slot slot = new Slot(cause);
                slot.waiting.add(waiting);
                slots[free] = slot;
            } else {
                held.add(new Held(cause.sid, waiting));
            }
            return outcome;
        }
    }

    /** CMD_RESUME; a STAG that is not this stream's changes nothing. */
    void resume(int sid, int stag, Response response) {
        Slot slot;
        synchronized (lock) {
            slot = stag < slots.length ? slots[stag] : null;
            if (slot == null || slot.cause.sid != sid) {
                return;
            }
            slots[stag] = null;
        }
        StalledTransaction recorded = slot.waiting.getFirst();
        switch (response) {
            case RETRY -> recorded.retry();
            case ABORT -> recorded.terminate(CompletionStatus.COMPLETER_ABORT);
            case RAZ_WI -> recorded.terminate(CompletionStatus.SUCCESSFUL);
        }
        slot.waiting.stream().skip(1).forEach(StalledTransaction::retry);
        retryHeld();
    }

    /** There may be room for what had none: a STAG, or a place in the Event queue. */
    void retryHeld() {
        List<Held> again;
        synchronized (lock) {
            again = held;
            held = new ArrayList<>();
        }
        again.forEach(one -> one.waiting.retry());
    }

    /** CMD_STALL_TERM: all of a stream's end with an abort. */
    void terminate(int sid) {
        terminate(stream -> stream == sid);
        retryHeld();
    }

    /** SMMUEN was cleared: nothing stalls any more. */
    void terminateAll() {
        terminate(_ -> true);
    }

    private void terminate(IntPredicate sids) {
        List<StalledTransaction> over = new ArrayList<>();
        synchronized (lock) {
            for (int stag = 0; stag < slots.length; stag++) {
                Slot slot = slots[stag];
                if (slot != null && sids.test(slot.cause.sid)) {
                    over.addAll(slot.waiting);
                    slots[stag] = null;
                }
            }
            held.removeIf(one -> sids.test(one.sid) && over.add(one.waiting));
        }
        over.forEach(one -> one.terminate(CompletionStatus.COMPLETER_ABORT));
    }

    /** Power-on: whoever waited has been reset as well. */
    void reset() {
        synchronized (lock) {
            Arrays.fill(slots, null);
            held = new ArrayList<>();
        }
    }
}
