package nestor.host.kvm;

import nestor.host.Errno;
import nestor.host.SystemCalls;

/** This host, but for one call that may fail: the n-th of those does. */
final class FailingCalls implements SystemCalls {
    private final SystemCalls host;
    private int left;

    /**
     * @param before how many succeed
     */
    FailingCalls(SystemCalls host, int before) {
        this.host = host;
        left = before + 1;
    }

    /** Whether there were so many calls. */
    boolean failed() {
        return left <= 0;
    }

    private boolean fails() {
        return --left == 0;
    }

    @Override
    public int open(String path, int flags) {
        return fails() ? -Errno.EIO : host.open(path, flags);
    }

    @Override
    public int close(int fd) {
        return host.close(fd);
    }

    @Override
    public int ioctl(int fd, long request, long argument) {
        return fails() ? -Errno.EIO : host.ioctl(fd, request, argument);
    }

    @Override
    public long mapShared(int fd, long offset, long sizeBytes) {
        return fails() ? -Errno.EIO : host.mapShared(fd, offset, sizeBytes);
    }

    @Override
    public int unmap(long address, long sizeBytes) {
        return host.unmap(address, sizeBytes);
    }

    @Override
    public int eventfd(int initial, int flags) {
        return fails() ? -Errno.EIO : host.eventfd(initial, flags);
    }

    @Override
    public long read(int fd, long address, long sizeBytes) {
        return host.read(fd, address, sizeBytes);
    }

    @Override
    public long write(int fd, long address, long sizeBytes) {
        return host.write(fd, address, sizeBytes);
    }

    @Override
    public long pread(int fd, long address, long sizeBytes, long offset) {
        return host.pread(fd, address, sizeBytes, offset);
    }

    @Override
    public long pwrite(int fd, long address, long sizeBytes, long offset) {
        return host.pwrite(fd, address, sizeBytes, offset);
    }

    @Override
    public int poll(long descriptors, int count, int timeoutMillis) {
        return host.poll(descriptors, count, timeoutMillis);
    }

    @Override
    public int poll(int fd, int events, int timeoutMillis) {
        return host.poll(fd, events, timeoutMillis);
    }

    @Override
    public long currentThread() {
        return host.currentThread();
    }

    @Override
    public int signalThread(long thread, int signal) {
        return host.signalThread(thread, signal);
    }

    @Override
    public int ignoreSignal(int signal) {
        return fails() ? -Errno.EIO : host.ignoreSignal(signal);
    }

    @Override
    public int threadSignalMask(int how, long set, long old) {
        final int sigSetmask = 2;
        // Putting the mask back is of the kind that must not fail.
        return how != sigSetmask && fails() ? -Errno.EIO : host.threadSignalMask(how, set, old);
    }

    @Override
    public int takeSignal(long set) {
        return host.takeSignal(set);
    }
}
