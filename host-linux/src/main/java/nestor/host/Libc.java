package nestor.host;

import jnr.ffi.Pointer;
import jnr.ffi.types.off_t;
import jnr.ffi.types.size_t;
import jnr.ffi.types.ssize_t;
import jnr.ffi.types.u_int64_t;
import org.jspecify.annotations.Nullable;

/**
 * The C library's functions, in its own spelling. Public because the class that jnr-ffi makes of it
 * lives in another loader; used by {@link JnrSystemCalls} only.
 *
 * <p>Variadic functions are declared with fixed arguments: on Linux x86-64 and arm64 integers and
 * pointers are passed alike both ways.
 */
@SuppressWarnings("MemberName")
public interface Libc {
    int open(String path, int flags);

    int close(int fd);

    int ioctl(int fd, @u_int64_t long request, @u_int64_t long argument);

    /**
     * A {@link Pointer} for the address keeps jnr-ffi from making an x86 stub of this: the stub of
     * a function of six integers (2.3.4) passes garbage as the sixth.
     *
     * @param address null: wherever the kernel likes
     */
    @u_int64_t
    long mmap(
            @Nullable Pointer address,
            @size_t long length,
            int protection,
            int flags,
            int fd,
            @off_t long offset);

    int munmap(@u_int64_t long address, @size_t long length);

    int eventfd(int initial, int flags);

    @ssize_t
    long read(int fd, @u_int64_t long buffer, @size_t long count);

    @ssize_t
    long write(int fd, @u_int64_t long buffer, @size_t long count);

    @ssize_t
    long pread(int fd, @u_int64_t long buffer, @size_t long count, @off_t long offset);

    @ssize_t
    long pwrite(int fd, @u_int64_t long buffer, @size_t long count, @off_t long offset);

    int poll(@u_int64_t long descriptors, @u_int64_t long count, int timeoutMillis);

    @u_int64_t
    long pthread_self();

    int pthread_kill(@u_int64_t long thread, int signal);

    @u_int64_t
    long signal(int signal, @u_int64_t long handler);

    int pthread_sigmask(int how, @u_int64_t long set, @u_int64_t long old);

    int sigtimedwait(@u_int64_t long set, @u_int64_t long info, @u_int64_t long timeout);
}
