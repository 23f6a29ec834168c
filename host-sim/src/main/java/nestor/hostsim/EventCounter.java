package nestor.hostsim;

import nestor.iommufd.Errno;
import nestor.iommufd.Struct;

/** An eventfd(2), EFD_NONBLOCK: what was added since the last read. */
final class EventCounter implements HostFile {
    /** One less than the counter could hold: a write that would reach more waits. */
    private static final long MAX = -2;

    private long count;

    @Override
    public int read(Struct into, long room) throws Refusal {
        Refusal.when(room < Long.BYTES, Errno.EINVAL);
        Refusal.when(count == 0, Errno.EAGAIN);
        into.doubleword(0, count);
        count = 0;
        return Long.BYTES;
    }

    @Override
    public int write(Struct from, long sizeBytes) throws Refusal {
        Refusal.when(sizeBytes < Long.BYTES || from.doubleword(0) == -1, Errno.EINVAL);
        long more = from.doubleword(0);
        Refusal.when(Long.compareUnsigned(more, MAX - count) > 0, Errno.EAGAIN);
        count += more;
        return Long.BYTES;
    }

    /** A driver adds one; at the largest number it stays. */
    void signal() {
        if (count != MAX) {
            count++;
        }
    }

    @Override
    public boolean isReadable() {
        return count != 0;
    }

    @Override
    public void closed() {}
}
