package nestor.iommufd;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import nestor.iommu.host.HostException;

/**
 * The system calls that iommufd and VFIO take. The numbers are the kernel's: a negative result is
 * an error number, negated. Any thread.
 */
public interface HostSystem {
    /** The iommufd device. */
    String IOMMU = "/dev/iommu";

    /** open(2), for reading and writing: a descriptor, or an error. */
    int open(String path);

    /**
     * The cdev of a VFIO device.
     *
     * @param sysfs the device's directory, such as /sys/bus/pci/devices/0000:01:00.0
     * @return a path for {@link #open}
     * @throws HostException ENODEV if the device is not there, or no VFIO driver has it
     */
    String cdev(String sysfs) throws HostException;

    /** close(2). */
    int close(int fd);

    /**
     * ioctl(2).
     *
     * @param request of {@link Ioctl}, or any other number
     * @param argument a structure; {@link MemorySegment#NULL} for none
     */
    int ioctl(int fd, int request, MemorySegment argument);

    /** read(2): bytes read, 0 if nothing waits. */
    int read(int fd, MemorySegment into);

    /** write(2): bytes written. */
    int write(int fd, MemorySegment from);

    /** pread(2): bytes read from {@code offset} on; of a VFIO device, inside one region. */
    int pread(int fd, MemorySegment into, long offset);

    /** pwrite(2): bytes written from {@code offset} on; of a VFIO device, inside one region. */
    int pwrite(int fd, MemorySegment from, long offset);

    /**
     * mmap(2) of a part of a file, shared, for reading and writing: a region of a VFIO device at
     * the offset that the device gave. Gone when {@code arena} is closed; the file may be closed
     * before that.
     *
     * @param offset of whole pages
     * @throws HostException ENODEV if the file has no memory
     */
    MemorySegment map(int fd, long offset, long sizeBytes, Arena arena) throws HostException;

    /** eventfd(2): a counter at 0 that no read waits for. A descriptor, or an error. */
    int eventfd();

    /** poll(2) for input, without waiting. */
    boolean isReadable(int fd);

    /**
     * poll(2) for input of several files.
     *
     * @param readable which of {@code fds} have something to read, when this returns
     * @param timeoutMillis how long to wait if none has; negative waits for ever
     * @return how many have; 0 also if a signal came; or an error
     */
    int poll(int[] fds, boolean[] readable, int timeoutMillis);

    /**
     * Memory whose address goes into structures, from now on. A kernel sees all of its caller's
     * memory; a simulation has to be told.
     */
    default void expose(MemorySegment memory) {}
}
