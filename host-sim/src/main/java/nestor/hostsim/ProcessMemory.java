package nestor.hostsim;

import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.TreeMap;
import nestor.iommufd.Errno;
import nestor.iommufd.Struct;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.memory.RamRegion;

/** The memory of the process that calls: what it exposed, by address. */
final class ProcessMemory {
    private static final long PAGE_MASK = (1L << GuestMemory.PAGE_LOG2) - 1;

    private final TreeMap<Long, MemorySegment> segments = new TreeMap<>(Long::compareUnsigned);

    void expose(MemorySegment segment) {
        segments.put(segment.address(), segment);
    }

    /** Its whole pages, at their own addresses. */
    GuestMemory pages() {
        return GuestMemory.over(
                segments.values().stream()
                        .filter(segment -> segment.scope().isAlive())
                        .filter(segment ->
                                ((segment.address() | segment.byteSize()) & PAGE_MASK) == 0)
                        .map(segment -> new RamRegion(segment.address(), segment))
                        .toList());
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
