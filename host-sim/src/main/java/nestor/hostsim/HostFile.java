package nestor.hostsim;

import java.lang.foreign.MemorySegment;
import nestor.iommufd.Errno;
import nestor.iommufd.Struct;

/** What a file descriptor stands for. */
interface HostFile {
    /** ioctl(2): not of this file. */
    default int ioctl(int request, MemorySegment argument) throws Refusal {
        throw new Refusal(Errno.ENOTTY);
    }

    /** read(2): bytes read. */
    default int read(Struct into, long room) throws Refusal {
        throw new Refusal(Errno.EINVAL);
    }

    /** write(2): bytes written. */
    default int write(Struct from, long sizeBytes) throws Refusal {
        throw new Refusal(Errno.EINVAL);
    }

    /** pread(2): bytes read. Called without the host's lock. */
    default int pread(Struct into, long room, long offset) throws Refusal {
        throw new Refusal(Errno.ESPIPE);
    }

    /** pwrite(2): bytes written. Called without the host's lock. */
    default int pwrite(Struct from, long sizeBytes, long offset) throws Refusal {
        throw new Refusal(Errno.ESPIPE);
    }

    /** poll(2): whether a read has something. */
    default boolean isReadable() {
        return false;
    }

    /** close(2). */
    void closed();
}
