package nestor.pci;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.mmio.MmioBus;

/** A board with RAM, a host bridge and a doorbell, and the accesses a guest would make. */
final class TestBoard implements AutoCloseable {
    static final long ECAM = 0x3f00_0000L;
    static final int BUSES = 16;
    static final long MEM32 = 0x1000_0000L;
    static final long MEM32_BYTES = 0x2eff_0000L;
    static final long MEM64 = 0x80_0000_0000L;
    static final long MEM64_BYTES = 0x80_0000_0000L;
    static final long IO = 0x3eff_0000L;
    static final long RAM = 0x4000_0000L;
    static final long RAM_BYTES = 1 << 20;
    static final long DOORBELL = 0x0809_0000L;

    static final int COMMAND = 0x04;
    static final int STATUS = 0x06;
    static final int MEMORY_SPACE = 2;
    static final int BUS_MASTER = 4;

    /** One interrupt message. */
    record Message(int deviceId, long gpa, int data) {}

    final GuestMemory memory = GuestMemory.anonymous(RAM, RAM_BYTES);
    final MmioBus mmio = new MmioBus();
    final List<Message> messages = new ArrayList<>();
    final PciHost host =
            new PciHost(
                    new PciHost.Layout(
                            ECAM, BUSES, MEM32, MEM32_BYTES, MEM64, MEM64_BYTES, IO, 0x1_0000),
                    memory,
                    mmio,
                    new MsiDoorbell(
                            DOORBELL,
                            0x1_0000,
                            (deviceId, gpa, data) ->
                                    messages.add(new Message(deviceId, gpa, data))));

    static int rid(int bus, int device, int function) {
        return bus << 8 | device << 3 | function;
    }

    long config(int rid, int offset, int sizeBytes) {
        return mmio.read(ECAM + ((long) rid << 12) + offset, sizeBytes);
    }

    void config(int rid, int offset, int sizeBytes, long value) {
        mmio.write(ECAM + ((long) rid << 12) + offset, sizeBytes, value);
    }

    void command(int rid, int value) {
        config(rid, COMMAND, 2, value);
    }

    void bar32(int rid, int index, long address) {
        config(rid, 0x10 + 4 * index, 4, address);
    }

    void bar64(int rid, int index, long address) {
        bar32(rid, index, address & 0xffff_ffffL);
        bar32(rid, index + 1, address >>> 32);
    }

    /** Bus numbers, both windows and the command register of the root port at {@code rid}. */
    void openPort(int rid, int secondary, long mem32Base, long mem64Base) {
        config(rid, 0x18, 4, secondary << 8 | secondary << 16);
        config(rid, 0x20, 4, mem32Base >>> 16 & 0xfff0 | mem32Base & 0xfff0_0000L);
        config(rid, 0x24, 4, mem64Base >>> 16 & 0xfff0 | mem64Base & 0xfff0_0000L);
        config(rid, 0x28, 4, mem64Base >>> 32);
        config(rid, 0x2c, 4, mem64Base >>> 32);
        command(rid, MEMORY_SPACE | BUS_MASTER);
    }

    /** Offset of the capability {@code id} of the function at {@code rid}; 0 if it has none. */
    int capability(int rid, int id) {
        int at = (int) config(rid, 0x34, 1);
        while (at != 0 && config(rid, at, 1) != id) {
            at = (int) config(rid, at + 1, 1);
        }
        return at;
    }

    /** The configuration space at {@code rid}: its dwords that are not zero, by offset. */
    Map<String, String> dump(int rid) {
        Map<String, String> dwords = new TreeMap<>();
        for (int offset = 0; offset < 4096; offset += 4) {
            long value = config(rid, offset, 4);
            if (value != 0) {
                dwords.put("%03x".formatted(offset), "%08x".formatted(value));
            }
        }
        return dwords;
    }

    @Override
    public void close() {
        memory.close();
    }
}
