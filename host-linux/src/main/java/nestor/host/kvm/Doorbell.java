package nestor.host.kvm;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import nestor.host.HostFile;
import nestor.host.kvm.KvmAbi.Ioeventfd;
import nestor.iommu.host.HostException;

/**
 * An address whose writes add to an {@link EventFd} instead of leaving the guest (api.rst §4.59,
 * KVM_IOEVENTFD). Any thread.
 */
public final class Doorbell implements AutoCloseable {
    /** What writes count. */
    public sealed interface Place {
        /** Any value of {@code sizeBytes} (1, 2, 4 or 8) to a guest-physical address. */
        record Memory(long gpa, int sizeBytes) implements Place {}

        /** Only {@code value}. */
        record MemoryValue(long gpa, int sizeBytes, long value) implements Place {}

        /** Any value of {@code sizeBytes} (1, 2 or 4) to an I/O port. */
        record Port(int port, int sizeBytes) implements Place {}
    }

    private final HostFile vm;
    private final Place place;
    private final EventFd event;

    private Doorbell(HostFile vm, Place place, EventFd event) {
        this.vm = vm;
        this.place = place;
        this.event = event;
    }

    static Doorbell create(HostFile vm, Place place) throws HostException {
        EventFd event = new EventFd(vm.host());
        try {
            connect(vm, place, event, 0);
        } catch (HostException e) {
            event.close();
            throw e;
        }
        return new Doorbell(vm, place, event);
    }

    private static void connect(HostFile vm, Place place, EventFd event, int flags)
            throws HostException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment ioeventfd = arena.allocate(Ioeventfd.BYTES, Long.BYTES);
            ioeventfd.set(JAVA_INT, Ioeventfd.FD, event.fd());
            switch (place) {
                case Place.Memory(long gpa, int sizeBytes) -> set(ioeventfd, gpa, sizeBytes, flags);
                case Place.MemoryValue(long gpa, int sizeBytes, long value) -> {
                    set(ioeventfd, gpa, sizeBytes, flags | Ioeventfd.FLAG_DATAMATCH);
                    ioeventfd.set(JAVA_LONG, Ioeventfd.DATAMATCH, value);
                }
                case Place.Port(int port, int sizeBytes) ->
                        set(ioeventfd, port, sizeBytes, flags | Ioeventfd.FLAG_PIO);
            }
            vm.ioctl(KvmAbi.IOEVENTFD, ioeventfd);
        }
    }

    private static void set(MemorySegment ioeventfd, long address, int sizeBytes, int flags) {
        ioeventfd.set(JAVA_LONG, Ioeventfd.ADDR, address);
        ioeventfd.set(JAVA_INT, Ioeventfd.LEN, sizeBytes);
        ioeventfd.set(JAVA_INT, Ioeventfd.FLAGS, flags);
    }

    /** What counts the writes. */
    public EventFd event() {
        return event;
    }

    @Override
    public void close() {
        try {
            connect(vm, place, event, Ioeventfd.FLAG_DEASSIGN);
        } catch (HostException e) {
            // The VM is closed, and its doorbells with it.
        }
        event.close();
    }
}
