package nestor.iommufd;

import java.util.List;
import nestor.iommu.host.HostException;

/**
 * A fault queue, or a queue of a vIOMMU's events: its object and its file. One thread reads while
 * others answer or end it; after {@link #end} the descriptor, which may have come to mean another
 * file, is not used. Any thread; no lock is held after a method has returned.
 */
final class EventQueue {
    private static final System.Logger LOGGER = System.getLogger(IommufdHost.class.getName());

    private final Iommufd iommufd;
    private final Iommufd.Queue queue;
    private boolean open;

    private EventQueue(Iommufd iommufd, Iommufd.Queue queue, boolean open) {
        this.iommufd = iommufd;
        this.queue = queue;
        this.open = open;
    }

    static EventQueue of(Iommufd iommufd, Iommufd.Queue queue) {
        return new EventQueue(iommufd, queue, true);
    }

    /** One in which nothing ever waits. */
    static EventQueue none(Iommufd iommufd) {
        return new EventQueue(iommufd, new Iommufd.Queue(0, -1), false);
    }

    /** Makes the object and its file. */
    interface Allocation {
        Iommufd.Queue allocate() throws HostException;
    }

    /**
     * One that the kernel allocates, or none on a kernel that has no such queues.
     *
     * @param without what the user is told then, in a line
     */
    static EventQueue orNone(Iommufd iommufd, Allocation allocation, String without)
            throws HostException {
        try {
            return of(iommufd, allocation.allocate());
        } catch (HostException e) {
            if (e.errno() != Errno.ENOTTY) {
                throw e;
            }
            LOGGER.log(System.Logger.Level.WARNING, without);
            return none(iommufd);
        }
    }

    /** The object; 0 for none. */
    int id() {
        return queue.id();
    }

    /** Whether there is one, and it has not ended. */
    synchronized boolean isOpen() {
        return open;
    }

    /** Its file, unless it has ended. */
    synchronized void addTo(List<Integer> fds) {
        if (open) {
            fds.add(queue.fd());
        }
    }

    /** The records that wait, as many as a read takes; empty if none does. */
    synchronized byte[] next() throws HostException {
        return open && iommufd.system().isReadable(queue.fd())
                ? iommufd.read(queue.fd())
                : new byte[0];
    }

    /** Answers a group of page requests. With the queue's end the kernel has answered them all. */
    synchronized void respond(int cookie, boolean resolved) throws HostException {
        if (open) {
            iommufd.respond(queue.fd(), cookie, resolved);
        }
    }

    /**
     * The file, then the object: it stays as long as its file is open, or an HWPT reports to it.
     */
    synchronized void end() {
        if (open) {
            open = false;
            iommufd.system().close(queue.fd());
            iommufd.destroyLater(queue.id());
        }
    }
}
