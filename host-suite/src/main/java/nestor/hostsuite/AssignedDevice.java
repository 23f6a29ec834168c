package nestor.hostsuite;

import static nestor.hostsuite.Expectation.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayDeque;
import java.util.Optional;
import java.util.Queue;
import nestor.iommu.host.HostException;
import nestor.iommu.host.HostReports;
import nestor.iommufd.HostSystem;
import nestor.iommufd.IommufdHost;
import nestor.iommufd.VfioDevice;
import nestor.iommufd.VfioRegion;
import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.memory.GuestMemory;

/**
 * A svm-demo function behind an SMMUv3, by VFIO, assigned to a guest that has only memory: what a
 * driver in that guest would do, the checks do.
 */
final class AssignedDevice implements Fixture {
    /** The first device of VFIO's. */
    static final String PATH = "/dev/vfio/devices/vfio0";

    static final int PAGE = 4096;

    /** Of the guest's RAM, which has 64 pages. */
    static final long RAM = 0x4000_0000L;

    /** The function's Requester ID in the guest, so its StreamID. */
    static final int RID = 0x42;

    private static final int PAGES = 64;
    private static final int CONFIG_REGION = 7;
    private static final int COMMAND = 4;
    private static final int MEMORY_AND_BUS_MASTER = 6;

    // Registers of svm-demo in BAR 0.
    private static final int RUN = 0x00;
    private static final int RESULT = 0x08;
    private static final int ADDRESS = 0x08;
    private static final int LENGTH = 0x18;
    private static final int PASID = 0x50;
    private static final int NO_PASID = 1 << 20;
    private static final long WRITE = 1;
    private static final long SUCCESS = 0;
    private static final long FAILURE = 1;

    /** A device that is stuck must not be waited for without end. */
    private static final int MAX_LOOKS = 20_000;

    final IommufdHost host;
    final GuestMemory memory = GuestMemory.anonymous(RAM, (long) PAGES * PAGE);
    final Queue<HostReports.SmmuV3Event> events = new ArrayDeque<>();
    private final VfioDevice vfio;
    private final VfioRegion bar;

    /** The registers as memory, if the host has them so. */
    private final Optional<MemorySegment> registers;

    private final Arena arena = Arena.ofShared();

    AssignedDevice(HostSystem system) throws HostException {
        host = IommufdHost.open(system, memory);
        vfio = host.bind(PATH);
        host.add(RID, vfio);
        host.device(RID).report(new Listener());
        vfio.write(vfio.region(CONFIG_REGION), COMMAND, 2, MEMORY_AND_BUS_MASTER);
        bar = vfio.region(0);
        registers =
                bar.mappable().isEmpty()
                        ? Optional.empty()
                        : Optional.of(vfio.map(bar, bar.mappable().getFirst(), arena));
    }

    private final class Listener implements HostReports {
        @Override
        public void pageGroup(PageGroup group) {
            throw new IllegalStateException("a device without PRI asks for pages");
        }

        @Override
        public void event(SmmuV3Event event) {
            events.add(event);
        }
    }

    long word(long gpa) {
        try {
            return memory.getLongLe(gpa);
        } catch (GuestAccessException e) {
            throw new IllegalStateException(e);
        }
    }

    void word(long gpa, long value) {
        try {
            memory.setLongLe(gpa, value);
        } catch (GuestAccessException e) {
            throw new IllegalStateException(e);
        }
    }

    /** The function writes its pattern; whether it says that it could. */
    boolean writes(int pasid, long iova, long sizeBytes) throws HostException {
        // What it says last time is told from what it says now: without a PASID it fails.
        pasid(NO_PASID);
        run(iova, sizeBytes);
        await(FAILURE);
        pasid(pasid);
        run(iova, sizeBytes);
        return awaited(SUCCESS);
    }

    /** The function tries to write; it has to fail, which a page at {@code good} shows it can. */
    boolean fails(int pasid, long iova, long good) throws HostException {
        if (!writes(pasid, good, 8)) {
            return false;
        }
        run(iova, 8);
        return awaited(FAILURE);
    }

    private void pasid(int pasid) throws HostException {
        if (registers.isPresent()) {
            registers.get().set(ValueLayout.JAVA_INT, PASID, pasid);
        } else {
            vfio.write(bar, PASID, Integer.BYTES, pasid);
        }
    }

    private void register(int offset, long value) throws HostException {
        if (registers.isPresent()) {
            registers.get().set(ValueLayout.JAVA_LONG, offset, value);
        } else {
            vfio.write(bar, offset, Long.BYTES, value);
        }
    }

    private long result() throws HostException {
        return registers.isPresent()
                ? registers.get().get(ValueLayout.JAVA_LONG, RESULT)
                : vfio.read(bar, RESULT, Long.BYTES);
    }

    private void run(long iova, long sizeBytes) throws HostException {
        register(ADDRESS, iova);
        register(LENGTH, sizeBytes);
        register(RUN, WRITE);
    }

    private void await(long result) throws HostException {
        assertThat(awaited(result)).describedAs("the function says " + result).isTrue();
    }

    /**
     * Whether the function says so before long. It says another thing only once its command is
     * over.
     */
    private boolean awaited(long result) throws HostException {
        for (int look = 0; look < MAX_LOOKS; look++) {
            if (result() == result) {
                return true;
            }
            Thread.onSpinWait();
        }
        return false;
    }

    /** Waits for an event of the vEVENTQ's; null if none comes. */
    HostReports.SmmuV3Event event() throws HostException {
        for (int look = 0; look < MAX_LOOKS && events.isEmpty(); look++) {
            host.poll();
        }
        assertThat(events.size()).describedAs("events").isPositive();
        return events.remove();
    }

    void release() throws HostException {
        host.device(RID).release();
    }

    @Override
    public void close() {
        arena.close();
        vfio.close();
        host.close();
    }
}
