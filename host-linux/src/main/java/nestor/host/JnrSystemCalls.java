package nestor.host;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jnr.ffi.LastError;
import jnr.ffi.LibraryLoader;
import jnr.ffi.Runtime;

/** System calls by way of the C library and jnr-ffi. */
final class JnrSystemCalls implements SystemCalls {
    private static final int PROT_READ_WRITE = 3;
    private static final int MAP_SHARED = 1;
    private static final long SIG_IGN = 1;
    private static final long SIG_ERR = -1;

    // struct pollfd: int fd, short events, short revents.
    private static final long POLLFD_BYTES = 8;
    private static final long POLLFD_EVENTS = 4;
    private static final long POLLFD_REVENTS = 6;

    /** struct timespec of nothing. */
    private static final long TIMESPEC_BYTES = 16;

    private final Libc libc;
    private final Runtime runtime;
    private final MemorySegment noTime = Arena.ofAuto().allocate(TIMESPEC_BYTES, Long.BYTES);

    /** Loads jnr-ffi and binds the C library: a quarter of a second the first time. */
    JnrSystemCalls() {
        libc = LibraryLoader.create(Libc.class).failImmediately().load("c");
        runtime = Runtime.getRuntime(libc);
    }

    /** What the kernel said: the C library turned it into -1 and {@code errno}. */
    private int kernel(int result) {
        return result == -1 ? -LastError.getLastError(runtime) : result;
    }

    private long kernel(long result) {
        return result == -1 ? -LastError.getLastError(runtime) : result;
    }

    @Override
    public int open(String path, int flags) {
        return kernel(libc.open(path, flags));
    }

    @Override
    public int close(int fd) {
        return kernel(libc.close(fd));
    }

    @Override
    public int ioctl(int fd, long request, long argument) {
        return kernel(libc.ioctl(fd, request, argument));
    }

    @Override
    public long mapShared(int fd, long offset, long sizeBytes) {
        return kernel(libc.mmap(null, sizeBytes, PROT_READ_WRITE, MAP_SHARED, fd, offset));
    }

    @Override
    public int unmap(long address, long sizeBytes) {
        return kernel(libc.munmap(address, sizeBytes));
    }

    @Override
    public int eventfd(int initial, int flags) {
        return kernel(libc.eventfd(initial, flags));
    }

    @Override
    public long read(int fd, long address, long sizeBytes) {
        return kernel(libc.read(fd, address, sizeBytes));
    }

    @Override
    public long write(int fd, long address, long sizeBytes) {
        return kernel(libc.write(fd, address, sizeBytes));
    }

    @Override
    public long pread(int fd, long address, long sizeBytes, long offset) {
        return kernel(libc.pread(fd, address, sizeBytes, offset));
    }

    @Override
    public long pwrite(int fd, long address, long sizeBytes, long offset) {
        return kernel(libc.pwrite(fd, address, sizeBytes, offset));
    }

    @Override
    public int poll(long descriptors, int count, int timeoutMillis) {
        return kernel(libc.poll(descriptors, count, timeoutMillis));
    }

    @Override
    public int poll(int fd, int events, int timeoutMillis) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment descriptor = arena.allocate(POLLFD_BYTES, Integer.BYTES);
            descriptor.set(ValueLayout.JAVA_INT, 0, fd);
            descriptor.set(ValueLayout.JAVA_SHORT, POLLFD_EVENTS, (short) events);
            int ready = kernel(libc.poll(descriptor.address(), 1, timeoutMillis));
            return ready <= 0 ? ready : descriptor.get(ValueLayout.JAVA_SHORT, POLLFD_REVENTS);
        }
    }

    @Override
    public long currentThread() {
        return libc.pthread_self();
    }

    // The pthread functions return their error number and leave errno alone.

    @Override
    public int signalThread(long thread, int signal) {
        return -libc.pthread_kill(thread, signal);
    }

    @Override
    public int ignoreSignal(int signal) {
        return libc.signal(signal, SIG_IGN) == SIG_ERR ? -LastError.getLastError(runtime) : 0;
    }

    @Override
    public int threadSignalMask(int how, long set, long old) {
        return -libc.pthread_sigmask(how, set, old);
    }

    @Override
    public int takeSignal(long set) {
        return kernel(libc.sigtimedwait(set, 0, noTime.address()));
    }
}
