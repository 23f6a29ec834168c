package nestor.endpoints;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import nestor.pci.MsiDoorbell;
import nestor.pci.PciFunction;
import nestor.pci.PciHost;
import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.mmio.MmioBus;

/** RAM, a PCI host with one function at slot 2, and the messages it sends. */
public final class Board implements AutoCloseable {
    public static final long RAM = 0x4000_0000L;
    public static final long BAR = 0x1000_0000L;
    public static final long DOORBELL = 0x0809_0000L;
    public static final int SLOT = 2;
    public static final int RID = SLOT << 3;
    private static final long ECAM = 0x3f00_0000L;
    private static final long CONFIG = ECAM + ((long) SLOT << 15);

    public final GuestMemory memory;
    public final MmioBus mmio = new MmioBus();
    public final List<Integer> messages = new ArrayList<>();
    public final PciHost host;

    public Board(long ramBytes) {
        this(GuestMemory.anonymous(RAM, ramBytes));
    }

    public Board(GuestMemory ram) {
        memory = ram;
        host =
                new PciHost(
                        new PciHost.Layout(ECAM, 1, BAR, 1 << 24, 0, 0, 0, 0),
                        memory,
                        mmio,
                        new MsiDoorbell(DOORBELL, 0x1000, (_, _, data) -> messages.add(data)));
    }

    /** Plugs the function; BAR 0 at {@link #BAR}, memory decoding and bus mastering on. */
    public void plug(PciFunction function) {
        host.plug(SLOT, 0, function);
        program();
    }

    public void program() {
        config(0x10, 4, BAR);
        config(0x04, 2, 6);
    }

    public long config(int offset, int bytes) {
        return mmio.read(CONFIG + offset, bytes);
    }

    public void config(int offset, int bytes, long value) {
        mmio.write(CONFIG + offset, bytes, value);
    }

    /** Offset of the capability, which the function must have. */
    public int capability(int id) {
        int at = (int) config(0x34, 1);
        while (config(at, 1) != id) {
            at = (int) config(at + 1, 1);
            if (at == 0) {
                throw new AssertionError("no capability " + id);
            }
        }
        return at;
    }

    /** Offset of the extended capability, which the function must have. */
    public int extendedCapability(int id) {
        int at = 0x100;
        while ((config(at, 4) & 0xffff) != id) {
            at = (int) (config(at, 4) >>> 20);
            if (at == 0) {
                throw new AssertionError("no extended capability " + id);
            }
        }
        return at;
    }

    /** Enables MSI: messages carry {@code data}. */
    public void enableMsi(int data) {
        int msi = capability(0x05);
        config(msi + 4, 4, DOORBELL);
        config(msi + 12, 2, data);
        config(msi + 2, 2, 1);
    }

    public void fill(long gpa, int bytes, int value) throws GuestAccessException {
        byte[] filled = new byte[bytes];
        Arrays.fill(filled, (byte) value);
        memory.copyIn(MemorySegment.ofArray(filled), 0, gpa, bytes);
    }

    public byte[] bytes(long gpa, int count) throws GuestAccessException {
        byte[] copy = new byte[count];
        memory.copyOut(gpa, MemorySegment.ofArray(copy), 0, count);
        return copy;
    }

    @Override
    public void close() {
        memory.close();
    }
}
