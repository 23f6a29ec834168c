package nestor.host.kvm;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import nestor.host.HostFile;
import nestor.host.kvm.KvmAbi.Irqfd;
import nestor.iommu.host.HostException;

/**
 * An {@link EventFd} that the kernel turns into a message-signalled interrupt (api.rst §4.75,
 * KVM_IRQFD). Any thread.
 */
public final class MsiEvent implements AutoCloseable {
    private final HostFile vm;
    private final GsiRoutes routes;
    private final EventFd event;
    private final int gsi;

    private MsiEvent(HostFile vm, GsiRoutes routes, EventFd event, int gsi) {
        this.vm = vm;
        this.routes = routes;
        this.event = event;
        this.gsi = gsi;
    }

    static MsiEvent create(HostFile vm, GsiRoutes routes, long address, int data)
            throws HostException {
        EventFd event = new EventFd(vm.host());
        try {
            int gsi = routes.add(address, data);
            try {
                connect(vm, event, gsi, 0);
            } catch (HostException e) {
                routes.remove(gsi);
                throw e;
            }
            return new MsiEvent(vm, routes, event, gsi);
        } catch (HostException e) {
            event.close();
            throw e;
        }
    }

    private static void connect(HostFile vm, EventFd event, int gsi, int flags)
            throws HostException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment irqfd = arena.allocate(Irqfd.BYTES, Long.BYTES);
            irqfd.set(JAVA_INT, Irqfd.FD, event.fd());
            irqfd.set(JAVA_INT, Irqfd.GSI, gsi);
            irqfd.set(JAVA_INT, Irqfd.FLAGS, flags);
            vm.ioctl(KvmAbi.IRQFD, irqfd);
        }
    }

    /** What raises the interrupt when it is signalled. */
    public EventFd event() {
        return event;
    }

    /** From now on another message. */
    public void setMessage(long address, int data) throws HostException {
        routes.change(gsi, address, data);
    }

    @Override
    public void close() {
        try {
            connect(vm, event, gsi, Irqfd.FLAG_DEASSIGN);
        } catch (HostException e) {
            // The VM is closed, and its connections with it; else closing the event ends this one.
        }
        event.close();
        routes.remove(gsi);
    }
}
