package nestor.virtio.testkit;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import nestor.pci.MsiDoorbell;
import nestor.pci.PciFunction;
import nestor.pci.PciHost;
import nestor.virtio.VirtioDevice;
import nestor.virtio.pci.VirtioPci;
import nestor.vmm.loop.DeviceLoop;
import nestor.vmm.loop.MailboxLoop;
import nestor.vmm.loop.ManualLoop;
import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.mmio.MmioBus;

/** RAM, a PCI host, and one loop that the test turns. */
public final class TestMachine implements AutoCloseable {
    /** An interrupt message that arrived. */
    public record Message(int rid, int data) {}

    public static final long RAM = 0x4000_0000L;
    public static final long RAM_BYTES = 64L << 20;
    public static final long DOORBELL = 0x0802_0000L;

    private static final long ECAM = 0x10_0000_0000L;
    private static final long MEM32 = 0x1000_0000L;
    private static final long MEM64 = 0x20_0000_0000L;

    private final GuestMemory memory = ram();
    private final MmioBus mmio = new MmioBus();
    private final DeviceLoop loop;
    private final Runnable turn;
    private final List<Message> messages = new CopyOnWriteArrayList<>();
    private final PciHost host;
    private long nextRam = RAM;
    private long nextMem32 = MEM32;
    private long nextMem64 = MEM64;

    /** The test turns the loop, with {@link #run}. */
    public TestMachine() {
        this(new ManualLoop());
    }

    private TestMachine(ManualLoop loop) {
        this(loop, loop::runUntilIdle);
    }

    /** The loop runs by itself, as in a real machine. */
    public TestMachine(MailboxLoop loop) {
        this(loop, () -> {});
    }

    private TestMachine(DeviceLoop loop, Runnable turn) {
        this.loop = loop;
        this.turn = turn;
        host =
                new PciHost(
                        new PciHost.Layout(ECAM, 2, MEM32, 1L << 24, MEM64, 1L << 24, 0, 0),
                        memory,
                        mmio,
                        new MsiDoorbell(
                                DOORBELL,
                                0x1000,
                                (rid, _, data) -> messages.add(new Message(rid, data))));
    }

    /** RAM of which only the pages touched cost anything: tests make many machines. */
    private static GuestMemory ram() {
        try {
            return GuestMemory.shared(List.of(new GuestMemory.Range(RAM, RAM_BYTES)));
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    /** Gives the RAM back; only where there are very many machines. */
    @Override
    public void close() {
        memory.close();
    }

    public GuestMemory memory() {
        return memory;
    }

    public PciHost host() {
        return host;
    }

    public MmioBus mmio() {
        return mmio;
    }

    /** Interrupt messages so far. */
    public List<Message> messages() {
        return messages;
    }

    /** Turns the loop until it is idle. */
    public void run() {
        turn.run();
    }

    /** Zeroed RAM nobody else uses, 4 KiB aligned. */
    public long allocate(long sizeBytes) {
        long gpa = nextRam;
        nextRam += sizeBytes + 4095 & -4096L;
        return gpa;
    }

    public void write(long gpa, byte... bytes) {
        try {
            memory.copyIn(MemorySegment.ofArray(bytes), gpa);
        } catch (GuestAccessException outside) {
            throw new AssertionError(outside);
        }
    }

    public byte[] read(long gpa, int sizeBytes) {
        byte[] bytes = new byte[sizeBytes];
        try {
            memory.copyOut(gpa, MemorySegment.ofArray(bytes));
        } catch (GuestAccessException outside) {
            throw new AssertionError(outside);
        }
        return bytes;
    }

    /** Plugs {@code device} into slot {@code slot} of bus 0, as a driver finds it after boot. */
    public VirtioDriver plug(int slot, VirtioDevice device, VirtioPci.Access access) {
        return plug(slot, new VirtioPci("device" + slot, device, loop, access).function());
    }

    /** Plugs a function that is a virtio device. */
    public VirtioDriver plug(int slot, PciFunction function) {
        host.plug(slot, 0, function);
        return new VirtioDriver(this, ECAM + ((long) slot << 15), slot << 3);
    }

    long allocateBar(boolean is64Bit, long sizeBytes) {
        long base = (is64Bit ? nextMem64 : nextMem32) + sizeBytes - 1 & -sizeBytes;
        if (is64Bit) {
            nextMem64 = base + sizeBytes;
        } else {
            nextMem32 = base + sizeBytes;
        }
        return base;
    }
}
