package nestor.endpoints;

import java.util.ArrayList;
import java.util.List;
import nestor.pci.MsiDoorbell;
import nestor.pci.PciFunction;
import nestor.pci.PciHost;
import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.mmio.MmioBus;

/** RAM, a PCI host with one function at slot 2, and the messages it sends. */
final class Board implements AutoCloseable {
    static final long RAM = 0x4000_0000L;
    static final long BAR = 0x1000_0000L;
    static final long DOORBELL = 0x0809_0000L;
    static final int SLOT = 2;
    static final int RID = SLOT << 3;
    private static final long ECAM = 0x3f00_0000L;
    private static final long CONFIG = ECAM + ((long) SLOT << 15);

    final GuestMemory memory;
    final MmioBus mmio = new MmioBus();
    final List<Integer> messages = new ArrayList<>();
    final PciHost host;

    Board(long ramBytes) {
        memory = GuestMemory.anonymous(RAM, ramBytes);
        host =
                new PciHost(
                        new PciHost.Layout(ECAM, 1, BAR, 1 << 24, 0, 0, 0, 0),
                        memory,
                        mmio,
                        new MsiDoorbell(DOORBELL, 0x1000, (_, _, data) -> messages.add(data)));
    }

    /** Plugs the function; BAR 0 at {@link #BAR}, memory decoding and bus mastering on. */
    void plug(PciFunction function) {
        host.plug(SLOT, 0, function);
        program();
    }

    void program() {
        config(0x10, 4, BAR);
        config(0x04, 2, 6);
    }

    long config(int offset, int bytes) {
        return mmio.read(CONFIG + offset, bytes);
    }

    void config(int offset, int bytes, long value) {
        mmio.write(CONFIG + offset, bytes, value);
    }

    /** Offset of the capability, which the function must have. */
    int capability(int id) {
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
    int extendedCapability(int id) {
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
    void enableMsi(int data) {
        int msi = capability(0x05);
        config(msi + 4, 4, DOORBELL);
        config(msi + 12, 2, data);
        config(msi + 2, 2, 1);
    }

    void fill(long gpa, int bytes, int value) throws GuestAccessException {
        for (long at = gpa; at < gpa + bytes; at++) {
            memory.setByte(at, (byte) value);
        }
    }

    byte[] bytes(long gpa, int count) throws GuestAccessException {
        byte[] copy = new byte[count];
        for (int i = 0; i < count; i++) {
            copy[i] = memory.getByte(gpa + i);
        }
        return copy;
    }

    @Override
    public void close() {
        memory.close();
    }
}
