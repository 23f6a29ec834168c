package nestor.hostsim;

import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.TreeMap;
import nestor.iommufd.Errno;
import nestor.iommufd.Struct;

/** The memory of the process that calls: what it exposed, by address. */
final class ProcessMemory {
    private final TreeMap<Long, MemorySegment> segments = new TreeMap<>(Long::compareUnsigned);

    void expose(MemorySegment segment) {
        segments.put(segment.address(), segment);
    }

    boolean contains(long address, long sizeBytes) {
        Map.Entry<Long, MemorySegment> before = segments.floorEntry(address);
        if (before == null || sizeBytes < 0) {
            return false;
        }
        long offset = address - before.getKey();
        return Long.compareUnsigned(offset, before.getValue().byteSize()) <= 0
                && Long.compareUnsigned(sizeBytes, before.getValue().byteSize() - offset) <= 0;
    }

    /** A piece of it; EFAULT if not all of it is there. */
    Struct at(long address, long sizeBytes) throws Refusal {
        Refusal.when(!contains(address, sizeBytes), Errno.EFAULT);
        Map.Entry<Long, MemorySegment> before = segments.floorEntry(address);
        return new Struct(before.getValue().asSlice(address - before.getKey(), sizeBytes));
    }
}
