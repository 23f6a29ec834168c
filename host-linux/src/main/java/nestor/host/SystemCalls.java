package nestor.host;

/**
 * The port to the kernel: each method is the call of its name, with addresses as numbers, and
 * returns what the kernel itself does: the result, or the negative of an error number. Tests stand
 * in here. Any thread.
 */
public interface SystemCalls {
    /** open(2) without a mode. */
    int open(String path, int flags);

    /** close(2): the descriptor is gone whatever this returns. */
    int close(int fd);

    /** ioctl(2) with a number or an address as its argument. */
    int ioctl(int fd, long request, long argument);

    /**
     * mmap(2) of a shared, readable and writable range of a file.
     *
     * @param offset where in the file, of whole pages
     */
    long mapShared(int fd, long offset, long sizeBytes);

    /** munmap(2). */
    int unmap(long address, long sizeBytes);

    /** eventfd(2). */
    int eventfd(int initial, int flags);

    /** read(2). */
    long read(int fd, long address, long sizeBytes);

    /** write(2). */
    long write(int fd, long address, long sizeBytes);

    /** pread(2). */
    long pread(int fd, long address, long sizeBytes, long offset);

    /** pwrite(2). */
    long pwrite(int fd, long address, long sizeBytes, long offset);

    /** poll(2) of an array of {@code struct pollfd}. */
    int poll(long descriptors, int count, int timeoutMillis);

    /** poll(2) of one descriptor. */
    int poll(int fd, int events, int timeoutMillis);

    /** pthread_self(3). */
    long currentThread();

    /** pthread_kill(3): {@code thread} has not ended. */
    int signalThread(long thread, int signal);

    /** Makes the process ignore a signal, by signal(2) with {@code SIG_IGN}. */
    int ignoreSignal(int signal);

    /**
     * pthread_sigmask(3) of the calling thread.
     *
     * @param how one of {@code SIG_BLOCK}, {@code SIG_UNBLOCK}, {@code SIG_SETMASK}
     * @param set address of a {@code sigset_t}, 128 bytes
     * @param old address of one that takes the mask as it was; 0 for none
     */
    int threadSignalMask(int how, long set, long old);

    /**
     * Takes a pending signal of {@code set}, by sigtimedwait(2) that does not wait.
     *
     * @return its number; {@code -EAGAIN} if none is pending
     */
    int takeSignal(long set);
}
