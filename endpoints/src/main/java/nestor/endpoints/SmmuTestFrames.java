package nestor.endpoints;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Objects;
import java.util.Optional;
import nestor.pci.Requester;
import nestor.vmm.register.BitField;
import org.jspecify.annotations.Nullable;

/**
 * The frames of one {@link SmmuTestEngine}: 512 user frames of 128 bytes, then 512 privileged ones;
 * frame n of both belong together. Arguments are plain storage, judged when a command is written.
 *
 * <p>Any thread; the lock is a leaf.
 */
final class SmmuTestFrames {
    static final int FRAMES = 512;
    static final int FRAME_BYTES = 128;

    /** User page, then privileged page. */
    static final int PAGE_BYTES = FRAMES * FRAME_BYTES;

    static final int BYTES = 2 * PAGE_BYTES;

    /** Values of {@code cmd}. */
    static final int HALTED = 1;

    static final int FRAME_MISCONFIGURED = 0xffff_fffe;
    static final int ERROR = 0xffff_ffff;
    private static final int NO_FRAME = 0;

    /** Fields of a user frame. */
    private static final int CMD = 0x00;

    private static final int UCTRL = 0x04;
    private static final int LAUNCHED = 0x08;
    private static final int RETURNED = 0x0c;
    private static final int MSI_ADDRESS = 0x10;
    private static final int MSI_DATA = 0x18;
    private static final int ATTRIBUTES = 0x20;
    private static final int SEED = 0x24;
    private static final int BEGIN = 0x28;
    private static final int END_INCL = 0x30;
    private static final int STRIDE = 0x38;
    private static final int UDATA = 0x40;

    /** Fields of a privileged frame. */
    private static final int PCTRL = 0x00;

    private static final int DOWNSTREAM_PORT = 0x04;
    private static final int SUBSTREAM_ID = 0x0c;

    private static final BitField MSI_ABORTED = bit(0);
    private static final BitField NON_SECURE = bit(0);
    private static final BitField ATS_ENABLE = bit(8);
    private static final BitField PRI_ENABLE = bit(9);
    private static final BitField SOURCE = bits(15, 0);
    private static final BitField DESTINATION = bits(31, 16);

    private static final long SEND_MESSAGE = 1;
    private static final int MAX_VECTORS = 2048;
    private static final int DOWNSTREAM_PORTS = 64;
    private static final int NO_SUBSTREAM = -1;
    private static final int MAX_SUBSTREAM = (1 << 20) - 1;

    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT =
            ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final Object lock = new Object();
    private final MemorySegment store = MemorySegment.ofArray(new byte[BYTES]);
    private final @Nullable SmmuTestJob[] running = new @Nullable SmmuTestJob[FRAMES];
    private final int vectors;

    /**
     * @param vectors that the function's MSI-X table has
     */
    SmmuTestFrames(int vectors) {
        this.vectors = vectors;
        reset();
    }

    long read(long offset, int sizeBytes) {
        synchronized (lock) {
            return switch (sizeBytes) {
                case 1 -> Byte.toUnsignedLong(store.get(ValueLayout.JAVA_BYTE, offset));
                case 2 -> Short.toUnsignedLong(store.get(SHORT, offset));
                case 4 -> Integer.toUnsignedLong(store.get(INT, offset));
                default -> store.get(LONG, offset);
            };
        }
    }

    /** Writes; a command that is thereby started, and is now running, is returned. */
    Optional<SmmuTestJob> write(long offset, int sizeBytes, long value) {
        int frame = (int) offset % PAGE_BYTES / FRAME_BYTES;
        int at = (int) offset % FRAME_BYTES;
        synchronized (lock) {
            if (running[frame] != null) {
                return Optional.empty();
            }
            if (offset >= PAGE_BYTES) {
                store(offset, sizeBytes, value);
                long control = store.get(INT, privileged(frame) + PCTRL);
                long kept = ATS_ENABLE.getInPlace(control) | PRI_ENABLE.getInPlace(control);
                store.set(INT, privileged(frame) + PCTRL, (int) (NON_SECURE.mask() | kept));
                return Optional.empty();
            }
            if (at >= UCTRL) {
                store(offset, sizeBytes, value);
                return Optional.empty();
            }
            if (sizeBytes < Integer.BYTES) {
                return Optional.empty();
            }
            if (sizeBytes == Long.BYTES) {
                store.set(INT, user(frame) + UCTRL, (int) (value >>> 32));
            }
            return start(frame, (int) value);
        }
    }

    private void store(long offset, int sizeBytes, long value) {
        switch (sizeBytes) {
            case 1 -> store.set(ValueLayout.JAVA_BYTE, offset, (byte) value);
            case 2 -> store.set(SHORT, offset, (short) value);
            case 4 -> store.set(INT, offset, (int) value);
            default -> store.set(LONG, offset, value);
        }
    }

    private Optional<SmmuTestJob> start(int frame, int cmd) {
        if (cmd == NO_FRAME || cmd == HALTED) {
            store.set(INT, user(frame) + CMD, HALTED);
            return Optional.empty();
        }
        return switch (decode(frame, cmd)) {
            case SmmuTestCommand.Misconfigured _ -> {
                store.set(INT, user(frame) + CMD, FRAME_MISCONFIGURED);
                yield Optional.empty();
            }
            case SmmuTestCommand.Job command -> {
                store.set(INT, user(frame) + CMD, cmd);
                store.set(INT, user(frame) + LAUNCHED, 0);
                store.set(INT, user(frame) + RETURNED, 0);
                SmmuTestJob job = new SmmuTestJob(frame, command);
                running[frame] = job;
                yield Optional.of(job);
            }
        };
    }

    private SmmuTestCommand decode(int frame, int cmd) {
        long user = user(frame);
        for (SmmuTestCommand.Operation operation : SmmuTestCommand.Operation.values()) {
            if (operation.code() == cmd && addressesAreLegal(operation, user)) {
                return judge(frame, operation);
            }
        }
        return new SmmuTestCommand.Misconfigured();
    }

    private boolean addressesAreLegal(SmmuTestCommand.Operation operation, long user) {
        long begin = store.get(LONG, user + BEGIN);
        long last = store.get(LONG, user + END_INCL);
        long stride = store.get(LONG, user + STRIDE);
        boolean whole = (begin & -8) == 0 && (last | 7) == -1L;
        boolean words = (begin & 7) == 0 && (last & 7) == 7;
        boolean strides = stride == 1 || (stride != 0 && (stride & 7) == 0);
        // A copy's destination does not wrap around; nor does the range.
        long destination = store.get(LONG, user + UDATA);
        boolean fits =
                operation != SmmuTestCommand.Operation.MEMCPY
                        || Long.compareUnsigned(destination, -1L - (last - begin | 7)) <= 0;
        return Long.compareUnsigned(begin, last) <= 0
                && !whole
                && strides
                && fits
                && (words || operation != SmmuTestCommand.Operation.SUM64);
    }

    private SmmuTestCommand judge(int frame, SmmuTestCommand.Operation operation) {
        long user = user(frame);
        long privileged = privileged(frame);
        int attributes = store.get(INT, user + ATTRIBUTES);
        int source = SOURCE.getInt(attributes);
        int target = DESTINATION.getInt(attributes);
        int substream = store.get(INT, privileged + SUBSTREAM_ID);
        long address = store.get(LONG, user + MSI_ADDRESS);
        int vector = store.get(INT, user + MSI_DATA);
        boolean reads = operation != SmmuTestCommand.Operation.RAND48;
        boolean writes = operation != SmmuTestCommand.Operation.SUM64;
        boolean legal =
                (!reads || SmmuTestCommand.Attributes.isLegal(source))
                        && (!writes || SmmuTestCommand.Attributes.isLegal(target))
                        && (substream == NO_SUBSTREAM
                                || Integer.compareUnsigned(substream, MAX_SUBSTREAM) <= 0)
                        && Integer.compareUnsigned(
                                        store.get(INT, privileged + DOWNSTREAM_PORT),
                                        DOWNSTREAM_PORTS)
                                < 0
                        && (address == 0
                                || (address == SEND_MESSAGE
                                        && Integer.compareUnsigned(vector, MAX_VECTORS) < 0));
        if (!legal) {
            return new SmmuTestCommand.Misconfigured();
        }
        long begin = store.get(LONG, user + BEGIN);
        long last = store.get(LONG, user + END_INCL);
        long stride = store.get(LONG, user + STRIDE);
        boolean linear = stride == 1;
        long destination = store.get(LONG, user + UDATA);
        return new SmmuTestCommand.Job(
                operation,
                linear ? begin : begin & -8,
                linear ? last : last | 7,
                stride,
                linear ? destination : destination - (begin & 7),
                store.get(INT, user + SEED),
                substream == NO_SUBSTREAM ? Requester.NO_PASID : substream,
                SmmuTestCommand.Attributes.decode(source),
                SmmuTestCommand.Attributes.decode(target),
                address == 0 ? SmmuTestCommand.Job.NO_MESSAGE : vector,
                ATS_ENABLE.isSet(store.get(INT, privileged + PCTRL)));
    }

    /** Whether {@code job} still runs: a reset ends it. */
    boolean isRunning(SmmuTestJob job) {
        synchronized (lock) {
            return job.equals(running[job.frame()]);
        }
    }

    /** Whether a frame runs. */
    boolean isBusy() {
        synchronized (lock) {
            return Arrays.stream(running).anyMatch(Objects::nonNull);
        }
    }

    /** Shows how far {@code job} is, if it still runs. */
    void progress(SmmuTestJob job) {
        synchronized (lock) {
            if (isRunning(job)) {
                store.set(INT, user(job.frame()) + LAUNCHED, job.launched());
                store.set(INT, user(job.frame()) + RETURNED, job.returned());
            }
        }
    }

    /**
     * Ends {@code job}: results first, {@code cmd} last.
     *
     * @return the vector to signal now, if any
     */
    Optional<Integer> finish(SmmuTestJob job) {
        synchronized (lock) {
            if (!isRunning(job)) {
                return Optional.empty();
            }
            progress(job);
            running[job.frame()] = null;
            long user = user(job.frame());
            if (job.failed()) {
                store.set(LONG, user + UDATA + 2 * Long.BYTES, job.faultAddress());
            } else if (job.command().operation() == SmmuTestCommand.Operation.SUM64) {
                store.set(LONG, user + UDATA + Long.BYTES, job.sum());
            }
            int vector = job.command().vector();
            if (vector >= vectors) {
                long uctrl = store.get(INT, user + UCTRL);
                store.set(INT, user + UCTRL, (int) MSI_ABORTED.setAll(uctrl));
            }
            store.set(INT, user + CMD, job.failed() ? ERROR : HALTED);
            return vector >= 0 && vector < vectors ? Optional.of(vector) : Optional.empty();
        }
    }

    /** Every frame idle and zero; commands under way are forgotten. */
    void reset() {
        synchronized (lock) {
            store.fill((byte) 0);
            for (int frame = 0; frame < FRAMES; frame++) {
                running[frame] = null;
                store.set(INT, user(frame) + CMD, HALTED);
                store.set(INT, privileged(frame) + PCTRL, (int) NON_SECURE.mask());
                store.set(INT, privileged(frame) + SUBSTREAM_ID, NO_SUBSTREAM);
            }
        }
    }

    private static long user(int frame) {
        return (long) frame * FRAME_BYTES;
    }

    private static long privileged(int frame) {
        return PAGE_BYTES + user(frame);
    }
}
