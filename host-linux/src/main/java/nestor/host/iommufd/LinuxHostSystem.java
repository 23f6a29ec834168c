package nestor.host.iommufd;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.ToLongFunction;
import java.util.stream.Stream;
import nestor.host.Errno;
import nestor.host.HostFile;
import nestor.host.LinuxHost;
import nestor.iommu.host.HostException;
import nestor.iommufd.HostSystem;
import nestor.iommufd.Ioctl;
import nestor.iommufd.Struct;
import nestor.iommufd.Uapi.FaultQueueAlloc;
import nestor.iommufd.Uapi.TestCommand;
import nestor.iommufd.Uapi.VeventqAlloc;

/**
 * The kernel that this process runs on. It knows the descriptors that it gave out and takes no
 * others: a number that was closed, or that is somebody else's, is EBADF and reaches no file. One
 * that is closed while a call uses it stays until the call is over. Memory is off the heap and
 * alive.
 *
 * <p>Any thread.
 */
public final class LinuxHostSystem implements HostSystem {
    private static final int EFD_CLOEXEC = 0x80000;
    private static final int EFD_NONBLOCK = 0x800;

    private final LinuxHost host;
    private final Map<Integer, HostFile> files = new ConcurrentHashMap<>();

    /**
     * As a service. Loads native code, a quarter of a second the first time.
     *
     * @throws HostException ENODEV if it cannot be loaded here
     */
    public LinuxHostSystem() throws HostException {
        this(LinuxHost.load());
    }

    /** Of a host that is loaded already. */
    public LinuxHostSystem(LinuxHost host) {
        this.host = host;
    }

    @Override
    public int open(String path) {
        try {
            HostFile file = host.open(path);
            files.put(file.fd(), file);
            return file.fd();
        } catch (HostException e) {
            return -e.errno();
        }
    }

    @Override
    public String cdev(String sysfs) throws HostException {
        Path folder = Path.of(sysfs, "vfio-dev");
        try (Stream<Path> entries = Files.list(folder)) {
            Path name = entries.map(Path::getFileName).findFirst().orElseThrow(() -> absent(sysfs));
            return Path.of("/dev/vfio/devices").resolve(name).toString();
        } catch (IOException e) {
            HostException failure = absent(sysfs);
            failure.initCause(e);
            throw failure;
        }
    }

    private static HostException absent(String sysfs) {
        return new HostException("finding the VFIO device of " + sysfs, Errno.ENODEV);
    }

    @Override
    public int close(int fd) {
        HostFile file = files.remove(fd);
        if (file == null) {
            return -Errno.EBADF;
        }
        file.close();
        return 0;
    }

    @Override
    public int ioctl(int fd, int request, MemorySegment argument) {
        var number = new nestor.host.Ioctl(Integer.toHexString(request), request);
        int result = (int) with(fd, argument, file -> file.tryIoctl(number, argument.address()));
        if (result >= 0) {
            adopt(request, new Struct(argument));
        }
        return result;
    }

    /** The queues' files come in the structures of the calls that make them. */
    private void adopt(int request, Struct answer) {
        if (request == Ioctl.FAULT_QUEUE_ALLOC.number()) {
            own("fault queue", answer.word(FaultQueueAlloc.OUT_FAULT_FD));
        } else if (request == Ioctl.VEVENTQ_ALLOC.number()) {
            own("vEVENTQ", answer.word(VeventqAlloc.OUT_VEVENTQ_FD));
        } else if (request == Ioctl.TEST.number()
                && answer.word(TestCommand.OP) == TestCommand.CREATE_ACCESS) {
            own("access", answer.word(TestCommand.OUT_ACCESS_FD));
        }
    }

    private void own(String name, int fd) {
        files.put(fd, new HostFile(host, name, fd));
    }

    @Override
    public int read(int fd, MemorySegment into) {
        return (int) with(fd, into, file -> file.tryRead(into));
    }

    @Override
    public int write(int fd, MemorySegment from) {
        return (int) with(fd, from, file -> file.tryWrite(from));
    }

    @Override
    public int pread(int fd, MemorySegment into, long offset) {
        return (int) with(fd, into, file -> file.tryRead(into, offset));
    }

    @Override
    public int pwrite(int fd, MemorySegment from, long offset) {
        return (int) with(fd, from, file -> file.tryWrite(from, offset));
    }

    /** A call that a signal interrupts has done nothing, and is made again. */
    private long with(int fd, MemorySegment memory, ToLongFunction<HostFile> call) {
        if (!memory.isNative() || !memory.scope().isAlive()) {
            throw new IllegalArgumentException("the kernel cannot reach " + memory);
        }
        HostFile file = files.get(fd);
        if (file == null) {
            return -Errno.EBADF;
        }
        try {
            long result;
            do {
                result = call.applyAsLong(file);
            } while (result == -Errno.EINTR);
            return result;
        } finally {
            Reference.reachabilityFence(memory);
        }
    }

    @Override
    public MemorySegment map(int fd, long offset, long sizeBytes, Arena arena)
            throws HostException {
        HostFile file = files.get(fd);
        if (file == null) {
            throw new HostException("mmap", Errno.EBADF);
        }
        return host.map(file, offset, sizeBytes, arena);
    }

    @Override
    public int eventfd() {
        int fd = host.calls().eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (fd >= 0) {
            own("eventfd", fd);
        }
        return fd;
    }

    @Override
    public boolean isReadable(int fd) {
        HostFile file = files.get(fd);
        return file != null && file.awaitReadable(0);
    }

    @Override
    public int poll(int[] fds, boolean[] readable, int timeoutMillis) {
        List<HostFile> all = new ArrayList<>();
        for (int fd : fds) {
            HostFile file = files.get(fd);
            if (file == null) {
                return -Errno.EBADF;
            }
            all.add(file);
        }
        return HostFile.poll(host, all, readable, timeoutMillis);
    }
}
