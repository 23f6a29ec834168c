package nestor.virtio;

import static nestor.vmm.register.BitField.bit;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import nestor.vmm.register.BitField;

/**
 * One buffer the driver made available, as two byte sequences: the device-readable part, then the
 * device-writable part (virtio 1.3 §2.7.4, §2.7.5), however the driver scattered them. Descriptors
 * are read once, when {@link Virtqueue#next} fills the chain. Reused from buffer to buffer; used on
 * the device's loop only.
 *
 * <p>Offsets that rise from access to access are found in constant time.
 */
public final class DescriptorChain {
    /** Descriptors of an indirect table that are looked at. */
    static final int MAX_INDIRECT = 1024;

    private static final int DESCRIPTOR_BYTES = 16;
    private static final BitField NEXT = bit(0);
    private static final BitField WRITE = bit(1);
    private static final BitField INDIRECT = bit(2);

    /** §2.7.5: a chain holds no more than 2^32 bytes. */
    private static final long MAX_BYTES = 1L << 32;

    private static final int FIRST_CAPACITY = 16;

    private static final ValueLayout.OfLong LONG =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT =
            ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final DriverMemory memory;
    private final MemorySegment descriptor = Arena.ofAuto().allocate(DESCRIPTOR_BYTES, 16);
    private MemorySegment table = descriptor;
    private long[] addresses = new long[FIRST_CAPACITY];
    private long[] lengths = new long[FIRST_CAPACITY];
    private int count;
    private int readableCount;
    private long readableBytes;
    private long writableBytes;
    private int head;

    /** Where the last access ended: segment, and the offset of that segment in its part. */
    private int cursorSegment;

    private long cursorStart;
    private boolean cursorInWritable;

    /** An empty chain over the memory of the queue it will be filled from. */
    public DescriptorChain(DriverMemory memory) {
        this.memory = memory;
    }

    /** Bytes the device may read. */
    public long readableBytes() {
        return readableBytes;
    }

    /** Bytes the device may write. */
    public long writableBytes() {
        return writableBytes;
    }

    /**
     * Fills {@code dst} from the device-readable part.
     *
     * @param offset into that part; {@code offset + dst.byteSize()} is at most {@link
     *     #readableBytes}
     * @return false if an access to memory failed; the contents of {@code dst} are then unspecified
     */
    public boolean read(long offset, MemorySegment dst) {
        checkRange(offset, dst.byteSize(), readableBytes);
        return move(false, offset, dst);
    }

    /**
     * Writes all of {@code src} into the device-writable part.
     *
     * @param offset into that part; {@code offset + src.byteSize()} is at most {@link
     *     #writableBytes}
     * @return false if an access to memory failed
     */
    public boolean write(long offset, MemorySegment src) {
        checkRange(offset, src.byteSize(), writableBytes);
        return move(true, offset, src);
    }

    int head() {
        return head;
    }

    private static void checkRange(long offset, long sizeBytes, long partBytes) {
        if (offset < 0 || offset + sizeBytes > partBytes) {
            throw new IllegalArgumentException("outside the chain");
        }
    }

    private boolean move(boolean writable, long offset, MemorySegment data) {
        long sizeBytes = data.byteSize();
        seek(writable, offset);
        long done = 0;
        while (done < sizeBytes) {
            long within = offset + done - cursorStart;
            long left = lengths[cursorSegment] - within;
            if (left <= 0) {
                cursorStart += lengths[cursorSegment];
                cursorSegment++;
                continue;
            }
            long step = Math.min(left, sizeBytes - done);
            MemorySegment part = step == sizeBytes ? data : data.asSlice(done, step);
            long address = addresses[cursorSegment] + within;
            if (!(writable ? memory.write(address, part) : memory.read(address, part))) {
                return false;
            }
            done += step;
        }
        return true;
    }

    private void seek(boolean writable, long offset) {
        if (writable != cursorInWritable || offset < cursorStart) {
            cursorInWritable = writable;
            cursorSegment = writable ? readableCount : 0;
            cursorStart = 0;
        }
    }

    /**
     * Reads the chain that starts at {@code first}; §2.7.5.
     *
     * @return false if it is malformed or cannot be read
     */
    boolean fetch(int first, VirtqueueLayout layout, boolean mayBeIndirect) {
        head = first;
        count = 0;
        readableCount = 0;
        readableBytes = 0;
        writableBytes = 0;
        cursorSegment = 0;
        cursorStart = 0;
        cursorInWritable = false;
        int index = first;
        // A chain longer than the queue is a loop.
        for (int steps = 0; steps < layout.size(); steps++) {
            if (index >= layout.size() || !memory.read(layout.descriptor(index), descriptor)) {
                return false;
            }
            int flags = flagsAt(descriptor, 0);
            if (INDIRECT.isSet(flags)) {
                return mayBeIndirect && !NEXT.isSet(flags) && fetchIndirect();
            }
            if (!append(descriptor, 0)) {
                return false;
            }
            if (!NEXT.isSet(flags)) {
                return true;
            }
            index = nextAt(descriptor, 0);
        }
        return false;
    }

    /** §2.7.5.3: the table that {@link #descriptor} points to, read at once. */
    private boolean fetchIndirect() {
        long address = addressAt(descriptor, 0);
        long tableBytes = lengthAt(descriptor, 0);
        if (tableBytes == 0 || tableBytes % DESCRIPTOR_BYTES != 0) {
            return false;
        }
        int entries = (int) Math.min(tableBytes / DESCRIPTOR_BYTES, MAX_INDIRECT);
        long readBytes = (long) entries * DESCRIPTOR_BYTES;
        if (table.byteSize() < readBytes) {
            table = Arena.ofAuto().allocate(Long.highestOneBit(readBytes) * 2, 16);
        }
        if (!memory.read(address, table.asSlice(0, readBytes))) {
            return false;
        }
        int index = 0;
        for (int steps = 0; steps < entries; steps++) {
            long at = (long) index * DESCRIPTOR_BYTES;
            int flags = flagsAt(table, at);
            if (INDIRECT.isSet(flags) || !append(table, at)) {
                return false;
            }
            if (!NEXT.isSet(flags)) {
                return true;
            }
            index = nextAt(table, at);
            if (index >= entries) {
                return false;
            }
        }
        return false;
    }

    private boolean append(MemorySegment from, long at) {
        long address = addressAt(from, at);
        long sizeBytes = lengthAt(from, at);
        boolean writable = WRITE.isSet(flagsAt(from, at));
        boolean wraps = sizeBytes > 0 && Long.compareUnsigned(address + sizeBytes - 1, address) < 0;
        boolean readableAfterWritable = !writable && readableCount < count;
        if (wraps
                || readableAfterWritable
                || readableBytes + writableBytes + sizeBytes > MAX_BYTES) {
            return false;
        }
        if (count == addresses.length) {
            addresses = Arrays.copyOf(addresses, 2 * count);
            lengths = Arrays.copyOf(lengths, 2 * count);
        }
        addresses[count] = address;
        lengths[count] = sizeBytes;
        count++;
        if (writable) {
            writableBytes += sizeBytes;
        } else {
            readableCount++;
            readableBytes += sizeBytes;
        }
        return true;
    }

    private static long addressAt(MemorySegment from, long at) {
        return from.get(LONG, at);
    }

    private static long lengthAt(MemorySegment from, long at) {
        return Integer.toUnsignedLong(from.get(INT, at + 8));
    }

    private static int flagsAt(MemorySegment from, long at) {
        return Short.toUnsignedInt(from.get(SHORT, at + 12));
    }

    private static int nextAt(MemorySegment from, long at) {
        return Short.toUnsignedInt(from.get(SHORT, at + 14));
    }
}
