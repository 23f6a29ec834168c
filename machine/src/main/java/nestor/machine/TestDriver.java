package nestor.machine;

import java.lang.foreign.MemorySegment;
import java.util.BitSet;
import java.util.OptionalLong;
import java.util.function.Consumer;
import java.util.function.IntFunction;
import nestor.vmm.interrupt.IrqLine;
import nestor.vmm.interrupt.LineWatcher;
import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.mmio.MmioBus;
import nestor.vmm.mmio.PortBus;
import nestor.vmm.time.ManualClock;

/**
 * Drives a board's registers and memory in a vCPU's place ({@link Accelerator#QTEST}): the same
 * buses, one access after the other. When an access returns, the devices have done what it made
 * them do, as far as that needs no time to pass. One thread.
 */
public final class TestDriver {
    /**
     * The interrupt controller that wires come into.
     *
     * @param name that clients know it by
     * @param lines how many
     */
    record Controller(
            String name, int lines, IntFunction<IrqLine> line, Consumer<LineWatcher> watch) {}

    /** How often work may be handed on between devices, and be done all the same. */
    private static final int ROUNDS = 3;

    private final GuestMemory memory;
    private final MmioBus mmio;
    private final PortBus ports;
    private final ManualClock clock;
    private final Runnable quiesce;
    private final Controller controller;

    TestDriver(
            GuestMemory memory,
            MmioBus mmio,
            PortBus ports,
            ManualClock clock,
            Runnable quiesce,
            Controller controller) {
        this.memory = memory;
        this.mmio = mmio;
        this.ports = ports;
        this.clock = clock;
        this.quiesce = quiesce;
        this.controller = controller;
    }

    /** Reads 1, 2, 4 or 8 bytes of memory or a device; all ones where there is neither. */
    public long read(long gpa, int sizeBytes) {
        byte[] bytes = new byte[sizeBytes];
        if (!copyOut(gpa, bytes)) {
            long value = mmio.read(gpa, sizeBytes);
            settle();
            return value;
        }
        long value = 0;
        for (int i = 0; i < sizeBytes; i++) {
            value |= (bytes[i] & 0xffL) << (8 * i);
        }
        return value;
    }

    /** Writes 1, 2, 4 or 8 bytes; dropped where there is neither memory nor a device. */
    public void write(long gpa, int sizeBytes, long value) {
        byte[] bytes = new byte[sizeBytes];
        for (int i = 0; i < sizeBytes; i++) {
            bytes[i] = (byte) (value >>> (8 * i));
        }
        if (!copyIn(bytes, gpa)) {
            mmio.write(gpa, sizeBytes, value);
            settle();
        }
    }

    /** IN, of 1, 2 or 4 bytes. */
    public int readPort(int port, int sizeBytes) {
        int value = ports.read(port, sizeBytes);
        settle();
        return value;
    }

    /** OUT, of 1, 2 or 4 bytes. */
    public void writePort(int port, int sizeBytes, int value) {
        ports.write(port, sizeBytes, value);
        settle();
    }

    /** Fills {@code bytes} from RAM, and from devices byte by byte. */
    public void readBytes(long gpa, byte[] bytes) {
        if (!copyOut(gpa, bytes)) {
            for (int i = 0; i < bytes.length; i++) {
                bytes[i] = (byte) read(gpa + i, 1);
            }
        }
    }

    /** Writes to RAM, and to devices byte by byte. */
    public void writeBytes(long gpa, byte[] bytes) {
        if (!copyIn(bytes, gpa)) {
            for (int i = 0; i < bytes.length; i++) {
                write(gpa + i, 1, bytes[i]);
            }
        }
    }

    private boolean copyOut(long gpa, byte[] bytes) {
        if (!memory.contains(gpa, bytes.length)) {
            return false;
        }
        try {
            memory.copyOut(gpa, MemorySegment.ofArray(bytes));
        } catch (GuestAccessException e) {
            throw new IllegalStateException("RAM has gone", e);
        }
        return true;
    }

    private boolean copyIn(byte[] bytes, long gpa) {
        if (!memory.contains(gpa, bytes.length)) {
            return false;
        }
        try {
            memory.copyIn(MemorySegment.ofArray(bytes), gpa);
        } catch (GuestAccessException e) {
            throw new IllegalStateException("RAM has gone", e);
        }
        return true;
    }

    /** Machine time in nanoseconds. */
    public long nanos() {
        return clock.nanos();
    }

    /** Moves time, and runs the timers that expire meanwhile. */
    public void advance(long nanos) {
        clock.advance(nanos);
        settle();
    }

    /** When the next timer expires; empty if none is armed. */
    public OptionalLong deadline() {
        return clock.deadline();
    }

    /**
     * Watches the wires into an interrupt controller.
     *
     * @param watcher told of changes only, on any thread
     * @return false if the board has no such controller
     */
    public boolean watch(String name, LineWatcher watcher) {
        if (!name.equals(controller.name)) {
            return false;
        }
        BitSet levels = new BitSet();
        controller.watch.accept((line, asserted) -> {
            boolean changes;
            synchronized (levels) {
                changes = levels.get(line) != asserted;
                levels.set(line, asserted);
            }
            if (changes) {
                watcher.driven(line, asserted);
            }
        });
        return true;
    }

    /** Drives a wire; false if there is none. */
    public boolean drive(String name, int line, boolean asserted) {
        if (!name.equals(controller.name) || line < 0 || line >= controller.lines) {
            return false;
        }
        controller.line.apply(line).set(asserted);
        settle();
        return true;
    }

    private void settle() {
        for (int round = 0; round < ROUNDS; round++) {
            quiesce.run();
        }
    }
}
