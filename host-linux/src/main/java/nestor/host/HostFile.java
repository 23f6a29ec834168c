package nestor.host;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import nestor.iommu.host.HostException;

/**
 * An open file of the host. {@link #close} may come while other threads are inside a call: the
 * descriptor is given back when the last of them has left, so that a number is never used after it
 * may have come to mean another file. Calls after {@code close} fail with {@code EBADF} and reach
 * no kernel. Any thread.
 */
public final class HostFile implements AutoCloseable {
    /** Set in {@link #users} once closed. */
    private static final int CLOSED = 1 << 31;

    /** Set in {@link #users} once the descriptor has been given back. */
    private static final int GONE = 1 << 30;

    // struct pollfd: int fd, short events, short revents; a negative fd is passed over.
    private static final long POLLFD_BYTES = 8;
    private static final long POLLFD_EVENTS = 4;
    private static final long POLLFD_REVENTS = 6;
    private static final short POLLIN = 1;
    private static final int NO_FILE = -1;

    private final LinuxHost host;
    private final String name;
    private final int fd;
    private final AtomicInteger users = new AtomicInteger();

    /**
     * Takes ownership of a descriptor.
     *
     * @param name for messages
     */
    public HostFile(LinuxHost host, String name, int fd) {
        this.host = host;
        this.name = name;
        this.fd = fd;
    }

    /** What it is, for messages. */
    public String name() {
        return name;
    }

    /** The descriptor, to be named in another call's argument while this file is open. */
    public int fd() {
        return fd;
    }

    /** The host it is of. */
    public LinuxHost host() {
        return host;
    }

    /**
     * ioctl(2) whose failure is the caller's daily business.
     *
     * @return the result, or the negative of an error number
     */
    public int tryIoctl(Ioctl request, long argument) {
        if (!enter()) {
            return -Errno.EBADF;
        }
        try {
            return host.calls().ioctl(fd, request.number(), argument);
        } finally {
            leave();
        }
    }

    /** ioctl(2) with a number as its argument. */
    public int ioctl(Ioctl request, long argument) throws HostException {
        int result = tryIoctl(request, argument);
        if (result < 0) {
            throw new HostException("ioctl(" + request.name() + ")", -result);
        }
        return result;
    }

    /** ioctl(2) with a structure as its argument. */
    public int ioctl(Ioctl request, MemorySegment argument) throws HostException {
        return ioctl(request, argument.address());
    }

    /** read(2): the number of bytes, or the negative of an error number. */
    public long tryRead(MemorySegment destination) {
        if (!enter()) {
            return -Errno.EBADF;
        }
        try {
            return host.calls().read(fd, destination.address(), destination.byteSize());
        } finally {
            leave();
        }
    }

    /** write(2): the number of bytes, or the negative of an error number. */
    public long tryWrite(MemorySegment source) {
        if (!enter()) {
            return -Errno.EBADF;
        }
        try {
            return host.calls().write(fd, source.address(), source.byteSize());
        } finally {
            leave();
        }
    }

    /** pread(2): the number of bytes, or the negative of an error number. */
    public long tryRead(MemorySegment destination, long offset) {
        if (!enter()) {
            return -Errno.EBADF;
        }
        try {
            return host.calls().pread(fd, destination.address(), destination.byteSize(), offset);
        } finally {
            leave();
        }
    }

    /** pwrite(2): the number of bytes, or the negative of an error number. */
    public long tryWrite(MemorySegment source, long offset) {
        if (!enter()) {
            return -Errno.EBADF;
        }
        try {
            return host.calls().pwrite(fd, source.address(), source.byteSize(), offset);
        } finally {
            leave();
        }
    }

    /** mmap(2) of a part: its address, or the negative of an error number. */
    long mapShared(long offset, long sizeBytes) {
        if (!enter()) {
            return -Errno.EBADF;
        }
        try {
            return host.calls().mapShared(fd, offset, sizeBytes);
        } finally {
            leave();
        }
    }

    /**
     * poll(2) for something to read.
     *
     * @param timeoutMillis how long to wait; negative waits for ever
     * @return whether there is
     */
    public boolean awaitReadable(int timeoutMillis) {
        if (!enter()) {
            return false;
        }
        try {
            int ready = host.calls().poll(fd, POLLIN, timeoutMillis);
            return ready > 0 && (ready & POLLIN) != 0;
        } finally {
            leave();
        }
    }

    /**
     * poll(2) of several files of one host for something to read; a closed one never has.
     *
     * @param readable which have, when this returns
     * @param timeoutMillis how long to wait; negative waits for ever
     * @return how many have; 0 also if a signal came; or the negative of an error number
     */
    public static int poll(
            LinuxHost host, List<HostFile> files, boolean[] readable, int timeoutMillis) {
        boolean[] entered = new boolean[files.size()];
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment descriptors =
                    arena.allocate(POLLFD_BYTES * Math.max(files.size(), 1), Integer.BYTES);
            for (int i = 0; i < files.size(); i++) {
                entered[i] = files.get(i).enter();
                int fd = entered[i] ? files.get(i).fd : NO_FILE;
                descriptors.set(ValueLayout.JAVA_INT, i * POLLFD_BYTES, fd);
                descriptors.set(ValueLayout.JAVA_SHORT, i * POLLFD_BYTES + POLLFD_EVENTS, POLLIN);
            }
            int ready = host.calls().poll(descriptors.address(), files.size(), timeoutMillis);
            for (int i = 0; i < files.size(); i++) {
                int events =
                        descriptors.get(ValueLayout.JAVA_SHORT, i * POLLFD_BYTES + POLLFD_REVENTS);
                readable[i] = ready > 0 && (events & POLLIN) != 0;
            }
            return ready == -Errno.EINTR ? 0 : ready;
        } finally {
            for (int i = 0; i < files.size(); i++) {
                if (entered[i]) {
                    files.get(i).leave();
                }
            }
        }
    }

    private boolean enter() {
        if (users.incrementAndGet() < 0) {
            leave();
            return false;
        }
        return true;
    }

    private void leave() {
        // Whoever leaves a closed file as the last gives the descriptor back, once.
        if (users.decrementAndGet() == CLOSED && users.compareAndSet(CLOSED, CLOSED | GONE)) {
            host.calls().close(fd);
        }
    }

    /** Gives the descriptor back as soon as no call uses it. Idempotent. */
    @Override
    public void close() {
        if (users.getAndUpdate(count -> count | CLOSED) >= 0) {
            users.incrementAndGet();
            leave();
        }
    }
}
