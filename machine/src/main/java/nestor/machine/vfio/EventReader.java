package nestor.machine.vfio;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import nestor.iommu.host.HostException;
import nestor.iommufd.HostSystem;
import nestor.iommufd.IommufdHost;
import org.jspecify.annotations.Nullable;

/**
 * The thread that waits for what a host has to tell: eventfds of interrupts, page requests and
 * fault events. Any thread adds and removes.
 */
public final class EventReader implements AutoCloseable {
    private static final System.Logger LOG = System.getLogger(EventReader.class.getName());

    private final HostSystem system;
    private final IommufdHost host;
    private final Map<Integer, Runnable> counters = new ConcurrentHashMap<>();
    private final int wake;
    private final MemorySegment one = number();
    private final MemorySegment taken = number();
    private final Thread thread;
    private volatile boolean closed;
    private volatile @Nullable HostException broken;

    /**
     * Starts.
     *
     * @param name of the thread
     * @param host whose queues are polled
     */
    public EventReader(
            String name,
            HostSystem system,
            IommufdHost host,
            Thread.UncaughtExceptionHandler onEscape)
            throws HostException {
        this.system = system;
        this.host = host;
        this.wake = eventfd();
        one.set(ValueLayout.JAVA_LONG, 0, 1);
        this.thread =
                Thread.ofPlatform()
                        .name(name)
                        .daemon()
                        .uncaughtExceptionHandler(onEscape)
                        .unstarted(this::read);
        thread.start();
    }

    private static MemorySegment number() {
        return Arena.ofAuto().allocate(Long.BYTES, Long.BYTES);
    }

    private int eventfd() throws HostException {
        int fd = system.eventfd();
        if (fd < 0) {
            throw new HostException("eventfd", -fd);
        }
        return fd;
    }

    /**
     * A new eventfd.
     *
     * @param listener run on this thread when something was written
     */
    public int add(Runnable listener) throws HostException {
        int fd = eventfd();
        counters.put(fd, listener);
        changed();
        return fd;
    }

    /** Ends an eventfd of {@link #add}. */
    public void remove(int fd) {
        counters.remove(fd);
        system.close(fd);
        changed();
    }

    /** The host's queues are others now. */
    public void changed() {
        synchronized (one) {
            system.write(wake, one);
        }
    }

    private void read() {
        while (!closed) {
            List<Integer> fds = new ArrayList<>(List.of(wake));
            fds.addAll(counters.keySet());
            int firstQueue = fds.size();
            if (broken == null) {
                fds.addAll(host.queues());
            }
            boolean[] readable = new boolean[fds.size()];
            int[] all = fds.stream().mapToInt(Integer::intValue).toArray();
            if (system.poll(all, readable, -1) > 0) {
                for (int i = 0; i < firstQueue; i++) {
                    if (readable[i]) {
                        take(all[i]);
                    }
                }
                for (int i = firstQueue; i < all.length; i++) {
                    if (readable[i]) {
                        poll();
                        break;
                    }
                }
            }
        }
    }

    private void take(int fd) {
        system.read(fd, taken);
        Runnable listener = counters.get(fd);
        if (listener != null) {
            listener.run();
        }
    }

    private void poll() {
        try {
            host.poll();
        } catch (HostException e) {
            broken = e;
            LOG.log(
                    System.Logger.Level.ERROR,
                    "page requests and faults of assigned devices are lost: " + e.getMessage());
        }
    }

    /** Ends the thread. */
    @Override
    public void close() {
        closed = true;
        changed();
        try {
            thread.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        counters.keySet().forEach(system::close);
        counters.clear();
        system.close(wake);
    }
}
