package nestor.virtio;

import static nestor.vmm.register.BitField.bit;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import nestor.vmm.register.BitField;

/**
 * The device's side of one split virtqueue (virtio 1.3 §2.7): takes buffers in ring order, returns
 * them in any order. Used on the device's loop only.
 *
 * <p>A malformed chain is returned to the driver with length 0 and the queue goes on. Rings that
 * make no sense (an index that runs ahead by more than the Queue Size, a head that is no
 * descriptor, memory that cannot be reached) leave nothing to return: the queue stops and its
 * device needs a reset (§2.1.1).
 */
public final class Virtqueue {
    private static final int INDEX_MASK = 0xffff;

    /** VIRTQ_AVAIL_F_NO_INTERRUPT (§2.7.6). */
    private static final BitField NO_INTERRUPT = bit(0);

    /** VIRTQ_USED_F_NO_NOTIFY (§2.7.8). */
    private static final BitField NO_NOTIFY = bit(0);

    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT =
            ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final VirtqueueLayout layout;
    private final DriverMemory memory;
    private final boolean indirect;
    private final boolean eventIdx;
    private final Runnable interrupt;
    private final Runnable onBroken;
    private final MemorySegment two = Arena.ofAuto().allocate(2, 2);
    private final MemorySegment eight = Arena.ofAuto().allocate(8, 8);

    /** Next available ring entry to take; the driver's index as last read. */
    private int nextAvailable;

    private int seenAvailable;

    /** Next used ring entry to fill; the index the driver sees. */
    private int nextUsed;

    private int publishedUsed;
    private int availableEvent;
    private boolean notifySuppressed;
    private boolean broken;
    private int budget;
    private boolean backlog;

    /**
     * A queue that starts empty.
     *
     * @param features as negotiated
     * @param interrupt sends the used buffer notification
     * @param onBroken told once when the queue stops
     */
    public Virtqueue(
            VirtqueueLayout layout,
            DriverMemory memory,
            long features,
            Runnable interrupt,
            Runnable onBroken) {
        this.layout = layout;
        this.memory = memory;
        this.indirect = (features & Features.INDIRECT_DESC) != 0;
        this.eventIdx = (features & Features.EVENT_IDX) != 0;
        this.interrupt = interrupt;
        this.onBroken = onBroken;
    }

    /** How far both sides have come; any thread, for which it may be a moment old. */
    public VirtqueueState state(int index) {
        return new VirtqueueState(index, layout.size(), seenAvailable, nextUsed);
    }

    /** Lets {@link #next} take up to {@code chains} buffers until {@link #end}. */
    public void begin(int chains) {
        budget = chains;
        backlog = false;
    }

    /**
     * Publishes what was completed, and tells whether buffers may be left because the budget ran
     * out. The driver is then asked not to notify, since the queue will be served anyway.
     */
    public boolean end() {
        publish();
        if (backlog && !broken && !eventIdx && !notifySuppressed) {
            notifySuppressed = true;
            putShort(layout.usedFlags(), (int) NO_NOTIFY.mask());
        }
        return backlog && !broken;
    }

    /**
     * Takes the next available buffer.
     *
     * @return false if there is none, the budget is used up, or the queue is broken
     */
    public boolean next(DescriptorChain chain) {
        while (hasAvailable()) {
            if (budget == 0) {
                backlog = true;
                return false;
            }
            budget--;
            int head = getShort(layout.availableEntry(nextAvailable));
            if (broken) {
                return false;
            }
            if (head >= layout.size()) {
                breakDown(VirtioTrace.Misuse.HEAD);
                return false;
            }
            nextAvailable = nextAvailable + 1 & INDEX_MASK;
            if (chain.fetch(head, layout, indirect)) {
                return true;
            }
            VirtioTrace.misused(layout, VirtioTrace.Misuse.CHAIN);
            complete(head, 0);
        }
        return false;
    }

    /**
     * Returns a buffer to the driver, which sees it after {@link #publish}.
     *
     * @param writtenBytes bytes written at the start of the device-writable part
     */
    public void complete(DescriptorChain chain, long writtenBytes) {
        complete(chain.head(), (int) writtenBytes);
    }

    /** Makes completed buffers visible and interrupts the driver if it asked for that. */
    public void publish() {
        if (broken || nextUsed == publishedUsed) {
            return;
        }
        int before = publishedUsed;
        publishedUsed = nextUsed;
        putShort(layout.usedIndex(), nextUsed);
        VarHandle.fullFence(); // the index is visible before the driver's wish is read
        if (!broken && wantsInterrupt(before)) {
            interrupt.run();
        }
    }

    private boolean wantsInterrupt(int before) {
        if (eventIdx) { // §2.7.7.2: the event lies in [before, nextUsed)
            int event = getShort(layout.usedEvent());
            return !broken
                    && (nextUsed - event - 1 & INDEX_MASK) < (nextUsed - before & INDEX_MASK);
        }
        int flags = getShort(layout.availableFlags());
        return !broken && !NO_INTERRUPT.isSet(flags);
    }

    private void complete(int head, int writtenBytes) {
        if (broken) {
            return;
        }
        eight.set(INT, 0, head);
        eight.set(INT, 4, writtenBytes);
        if (!memory.write(layout.usedEntry(nextUsed), eight)) {
            breakDown(VirtioTrace.Misuse.UNREACHABLE);
            return;
        }
        nextUsed = nextUsed + 1 & INDEX_MASK;
    }

    private boolean hasAvailable() {
        if (broken) {
            return false;
        }
        if (nextAvailable == seenAvailable && !readAvailableIndex()) {
            enableNotification();
            return !broken && readAvailableIndex();
        }
        return true;
    }

    /** Reads the driver's index; false if nothing is available or the queue is broken. */
    private boolean readAvailableIndex() {
        int index = getShort(layout.availableIndex());
        if (broken) {
            return false;
        }
        if ((index - nextAvailable & INDEX_MASK) > layout.size()) {
            breakDown(VirtioTrace.Misuse.AVAILABLE_INDEX);
            return false;
        }
        seenAvailable = index;
        return nextAvailable != seenAvailable;
    }

    /** §2.7.7, §2.7.10: asks for a notification of the next buffer; the caller then looks again. */
    private void enableNotification() {
        if (broken) {
            return;
        }
        if (eventIdx && availableEvent != nextAvailable) {
            availableEvent = nextAvailable;
            putShort(layout.availableEvent(), nextAvailable);
        } else if (notifySuppressed) {
            notifySuppressed = false;
            putShort(layout.usedFlags(), 0);
        }
        VarHandle.fullFence(); // the wish is visible before the index is read again
    }

    private int getShort(long address) {
        if (!memory.read(address, two)) {
            breakDown(VirtioTrace.Misuse.UNREACHABLE);
            return 0;
        }
        return Short.toUnsignedInt(two.get(SHORT, 0));
    }

    private void putShort(long address, int value) {
        two.set(SHORT, 0, (short) value);
        if (!memory.write(address, two)) {
            breakDown(VirtioTrace.Misuse.UNREACHABLE);
        }
    }

    private void breakDown(VirtioTrace.Misuse misuse) {
        if (!broken) {
            broken = true;
            VirtioTrace.misused(layout, misuse);
            onBroken.run();
        }
    }
}
