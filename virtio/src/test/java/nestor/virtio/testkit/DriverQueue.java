package nestor.virtio.testkit;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import nestor.vmm.memory.GuestAccessException;

/** A split virtqueue from the driver's side. */
public final class DriverQueue {
    /** A piece of a buffer. */
    public record Part(long address, long sizeBytes, boolean writable) {}

    /** A buffer that came back. */
    public record Used(int head, int length) {}

    public static final int NEXT = 1;
    public static final int WRITE = 2;
    public static final int INDIRECT = 4;

    private final TestMachine machine;
    private final VirtioDriver driver;
    private final int index;
    private final int size;
    private final boolean eventIdx;
    private final long descriptors;
    private final long available;
    private final long used;
    private final Deque<Integer> free = new ArrayDeque<>();
    private final Map<Integer, List<Integer>> inFlight = new HashMap<>();
    private int availableIndex;
    private int notifiedIndex;
    private int usedIndex;

    DriverQueue(TestMachine machine, VirtioDriver driver, int index, int size, boolean eventIdx) {
        this.machine = machine;
        this.driver = driver;
        this.index = index;
        this.size = size;
        this.eventIdx = eventIdx;
        this.descriptors = machine.allocate(16L * size);
        this.available = machine.allocate(6 + 2L * size);
        this.used = machine.allocate(6 + 8L * size);
        for (int i = 0; i < size; i++) {
            free.add(i);
        }
    }

    public static Part readable(long address, long sizeBytes) {
        return new Part(address, sizeBytes, false);
    }

    public static Part writable(long address, long sizeBytes) {
        return new Part(address, sizeBytes, true);
    }

    public int size() {
        return size;
    }

    public long descriptors() {
        return descriptors;
    }

    public long available() {
        return available;
    }

    public long used() {
        return used;
    }

    /** Free descriptors. */
    public int free() {
        return free.size();
    }

    /** Makes a chain available; returns its head. */
    public int offer(Part... parts) {
        List<Integer> chain = new ArrayList<>();
        for (Part _ : parts) {
            chain.add(free.remove());
        }
        for (int i = 0; i < parts.length; i++) {
            boolean last = i == parts.length - 1;
            int flags = (parts[i].writable() ? WRITE : 0) | (last ? 0 : NEXT);
            int next = last ? 0 : chain.get(i + 1);
            descriptor(chain.get(i), parts[i].address(), parts[i].sizeBytes(), flags, next);
        }
        inFlight.put(chain.getFirst(), chain);
        makeAvailable(chain.getFirst());
        return chain.getFirst();
    }

    /** Makes a chain available through an indirect table. */
    public int offerIndirect(Part... parts) {
        long table = machine.allocate(16L * parts.length);
        for (int i = 0; i < parts.length; i++) {
            boolean last = i == parts.length - 1;
            int flags = (parts[i].writable() ? WRITE : 0) | (last ? 0 : NEXT);
            descriptorAt(table + 16L * i, parts[i].address(), parts[i].sizeBytes(), flags, i + 1);
        }
        int head = free.remove();
        descriptor(head, table, 16L * parts.length, INDIRECT, 0);
        inFlight.put(head, List.of(head));
        makeAvailable(head);
        return head;
    }

    /** Writes descriptor {@code at} of the table. */
    public void descriptor(int at, long address, long sizeBytes, int flags, int next) {
        descriptorAt(descriptors + 16L * at, address, sizeBytes, flags, next);
    }

    public void descriptorAt(long gpa, long address, long sizeBytes, int flags, int next) {
        try {
            machine.memory().setLongLe(gpa, address);
            machine.memory().setIntLe(gpa + 8, (int) sizeBytes);
            machine.memory().setShortLe(gpa + 12, (short) flags);
            machine.memory().setShortLe(gpa + 14, (short) next);
        } catch (GuestAccessException outside) {
            throw new AssertionError(outside);
        }
    }

    /** Puts {@code head} in the available ring, whatever it is. */
    public void makeAvailable(int head) {
        putShort(available + 4 + 2L * (availableIndex & size - 1), head);
        availableIndex = availableIndex + 1 & 0xffff;
        putShort(available + 2, availableIndex);
    }

    /** Overwrites the driver's index. */
    public void availableIndex(int value) {
        availableIndex = value & 0xffff;
        putShort(available + 2, availableIndex);
    }

    public int availableIndex() {
        return availableIndex;
    }

    /** Sets avail.flags. */
    public void availableFlags(int value) {
        putShort(available, value);
    }

    /** Sets used_event. */
    public void usedEvent(int value) {
        putShort(available + 4 + 2L * size, value & 0xffff);
    }

    /** used.flags. */
    public int usedFlags() {
        return getShort(used);
    }

    /** used.idx. */
    public int deviceIndex() {
        return getShort(used + 2);
    }

    /** avail_event. */
    public int availableEvent() {
        return getShort(used + 4 + 8L * size);
    }

    /** Whether the device asked to be notified of what was made available since the last time. */
    public boolean wantsNotification() {
        boolean wants =
                eventIdx
                        ? (availableIndex - availableEvent() - 1 & 0xffff)
                                < (availableIndex - notifiedIndex & 0xffff)
                        : (usedFlags() & 1) == 0;
        notifiedIndex = availableIndex;
        return wants;
    }

    /** Notifies unconditionally and turns the loop. */
    public void kick() {
        notifiedIndex = availableIndex;
        driver.notifyQueue(index);
        machine.run();
    }

    /** Takes the next used buffer and frees its descriptors. */
    public Optional<Used> poll() {
        if (usedIndex == deviceIndex()) {
            return Optional.empty();
        }
        try {
            long entry = used + 4 + 8L * (usedIndex & size - 1);
            int head = machine.memory().getIntLe(entry);
            int length = machine.memory().getIntLe(entry + 4);
            usedIndex = usedIndex + 1 & 0xffff;
            List<Integer> chain = inFlight.remove(head);
            if (chain != null) {
                free.addAll(chain);
            }
            return Optional.of(new Used(head, length));
        } catch (GuestAccessException outside) {
            throw new AssertionError(outside);
        }
    }

    /** Everything used and not yet polled. */
    public List<Used> drain() {
        List<Used> all = new ArrayList<>();
        for (Optional<Used> next = poll(); next.isPresent(); next = poll()) {
            all.add(next.get());
        }
        return all;
    }

    /** Offers, notifies, and returns the length the device reports. */
    public int request(Part... parts) {
        int head = offer(parts);
        kick();
        Used back =
                poll().orElseThrow(() ->
                        new AssertionError("not returned: " + Arrays.toString(parts)));
        if (back.head() != head) {
            throw new AssertionError("returned " + back + " for head " + head);
        }
        return back.length();
    }

    private void putShort(long gpa, int value) {
        try {
            machine.memory().setShortLe(gpa, (short) value);
        } catch (GuestAccessException outside) {
            throw new AssertionError(outside);
        }
    }

    private int getShort(long gpa) {
        try {
            return Short.toUnsignedInt(machine.memory().getShortLe(gpa));
        } catch (GuestAccessException outside) {
            throw new AssertionError(outside);
        }
    }
}
