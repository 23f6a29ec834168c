package nestor.host.kvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import nestor.host.HostFile;
import nestor.host.LinuxHost;
import nestor.iommu.host.HostException;

/** A counter in the kernel (eventfd(2)) that one side adds to and the other drains. Any thread. */
public final class EventFd implements AutoCloseable {
    private static final int EFD_CLOEXEC = 0x80000;
    private static final int EFD_NONBLOCK = 0x800;

    private final HostFile file;

    /** A counter at 0. */
    public EventFd(LinuxHost host) throws HostException {
        file =
                new HostFile(
                        host,
                        "eventfd",
                        LinuxHost.checked(
                                "eventfd", host.calls().eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)));
    }

    /** Adds one. */
    public void signal() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment one = arena.allocate(ValueLayout.JAVA_LONG);
            one.set(ValueLayout.JAVA_LONG, 0, 1);
            // EAGAIN: the counter is at its maximum, so whoever waits for it is signalled anyway.
            file.tryWrite(one);
        }
    }

    /** What was added since the last time; 0 if nothing. Does not wait. */
    public long drain() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment count = arena.allocate(ValueLayout.JAVA_LONG);
            return file.tryRead(count) == Long.BYTES ? count.get(ValueLayout.JAVA_LONG, 0) : 0;
        }
    }

    /**
     * Waits for somebody to add.
     *
     * @param timeoutMillis how long; negative waits for ever
     * @return whether there is something to drain
     */
    public boolean await(int timeoutMillis) {
        return file.awaitReadable(timeoutMillis);
    }

    int fd() {
        return file.fd();
    }

    @Override
    public void close() {
        file.close();
    }
}
