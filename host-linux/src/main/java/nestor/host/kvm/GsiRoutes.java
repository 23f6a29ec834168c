package nestor.host.kvm;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.BitSet;
import java.util.Map;
import java.util.TreeMap;
import nestor.host.Errno;
import nestor.host.HostFile;
import nestor.host.kvm.KvmAbi.IrqRouting;
import nestor.iommu.host.HostException;
import nestor.vmm.register.BitField;

/**
 * Which message each of KVM's interrupt numbers stands for (api.rst §4.52), and thereby, of the
 * numbers reserved for an I/O APIC outside the kernel, whose end-of-interrupt KVM reports (§7.5).
 * KVM takes the whole table at once. Any thread.
 */
final class GsiRoutes {
    /** SDM volume 3A, §11.5.2: lower ones are no interrupts. */
    private static final int FIRST_VECTOR = 16;

    /** A number for each vector: see {@link #reportEnd}. KVM keeps 8 bits of how many there are. */
    static final int RESERVED = 256 - FIRST_VECTOR;

    private static final int MAX_ROUTES = 4096;

    /** Intel SDM volume 3A, §11.11: message address and data. */
    private static final BitField VECTOR = BitField.bits(7, 0);

    private static final BitField LEVEL = BitField.bit(15);

    /** All local APICs, those with 32-bit IDs included. */
    private static final long ALL_APICS = 0xfee0_0000L | 0xffL << 12;

    private record Message(long address, int data) {}

    private final HostFile vm;
    private final Map<Integer, Message> routes = new TreeMap<>();
    private volatile BitSet reported = new BitSet();

    GsiRoutes(HostFile vm) {
        this.vm = vm;
    }

    /** Whether a message is of a level-triggered interrupt, whose end somebody waits for. */
    static boolean isLevel(int data) {
        return LEVEL.getInt(data) == 1;
    }

    /**
     * Makes KVM report the end of a level-triggered interrupt. The report hangs on a route of an
     * I/O APIC pin with that vector; which pin, and who else is its destination, makes no
     * difference, so that one route to all local APICs serves until the machine ends.
     */
    void reportEnd(int data) throws HostException {
        int vector = VECTOR.getInt(data);
        if (vector < FIRST_VECTOR || reported.get(vector)) {
            return;
        }
        synchronized (this) {
            routes.put(vector - FIRST_VECTOR, new Message(ALL_APICS, (int) LEVEL.set(vector, 1)));
            load();
            BitSet next = (BitSet) reported.clone();
            next.set(vector);
            reported = next;
        }
    }

    /** A number for a message. */
    synchronized int add(long address, int data) throws HostException {
        int gsi = RESERVED;
        while (routes.containsKey(gsi)) {
            gsi++;
        }
        if (gsi >= MAX_ROUTES) {
            throw new HostException("one more interrupt route", Errno.ENOMEM);
        }
        routes.put(gsi, new Message(address, data));
        try {
            load();
        } catch (HostException e) {
            routes.remove(gsi);
            throw e;
        }
        return gsi;
    }

    /** Lets a number stand for another message. */
    synchronized void change(int gsi, long address, int data) throws HostException {
        routes.put(gsi, new Message(address, data));
        load();
    }

    /** Frees a number; the route itself goes with the next change. */
    synchronized void remove(int gsi) {
        routes.remove(gsi);
    }

    private void load() throws HostException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment table =
                    arena.allocate(
                            IrqRouting.ENTRIES + (long) routes.size() * IrqRouting.ENTRY_BYTES,
                            Long.BYTES);
            table.set(JAVA_INT, IrqRouting.NR, routes.size());
            long offset = IrqRouting.ENTRIES;
            for (Map.Entry<Integer, Message> route : routes.entrySet()) {
                Message message = route.getValue();
                table.set(JAVA_INT, offset + IrqRouting.GSI, route.getKey());
                table.set(JAVA_INT, offset + IrqRouting.TYPE, IrqRouting.TYPE_MSI);
                table.set(JAVA_INT, offset + IrqRouting.MSI_ADDRESS_LO, (int) message.address);
                table.set(
                        JAVA_INT,
                        offset + IrqRouting.MSI_ADDRESS_HI,
                        (int) (message.address >>> 32));
                table.set(JAVA_INT, offset + IrqRouting.MSI_DATA, message.data);
                offset += IrqRouting.ENTRY_BYTES;
            }
            vm.ioctl(KvmAbi.SET_GSI_ROUTING, table);
        }
    }
}
