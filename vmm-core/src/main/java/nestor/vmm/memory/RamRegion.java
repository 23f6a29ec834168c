package nestor.vmm.memory;

import java.lang.foreign.MemorySegment;

/**
 * One contiguous range of guest RAM.
 *
 * @param gpa guest-physical base, 4 KiB aligned
 * @param segment the backing bytes; {@code segment.address()} is the hva for a host backend and the
 *     software CPU's memory-access class
 */
public record RamRegion(long gpa, MemorySegment segment) {
    public long sizeBytes() {
        return segment.byteSize();
    }

    /** Whether {@code [gpa, gpa + sizeBytes)} lies inside, for any unsigned 64-bit {@code gpa}. */
    public boolean contains(long address, long sizeBytes) {
        long offset = address - gpa;
        return offset >= 0 && offset <= sizeBytes() - sizeBytes;
    }
}
