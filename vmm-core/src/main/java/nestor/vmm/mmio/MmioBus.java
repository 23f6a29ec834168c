package nestor.vmm.mmio;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Routes guest-physical MMIO to regions. The map is a copy-on-write snapshot: lookups take no lock
 * and allocate nothing; {@link #map} and {@link #unmap} are rare.
 *
 * <p>Unclaimed reads return all ones, unclaimed writes are dropped. An access wider than a region
 * takes, misaligned, or running past the region's end is split into naturally aligned parts, lowest
 * address first; a narrower read takes its bytes out of the containing minimal access; a narrower
 * write is delivered as the containing minimal access with zeros around its bytes.
 */
public final class MmioBus {
    /** Size, and alignment, of the writes that CPUs can make at once. */
    public static final int BLOCK_BYTES = 64;

    private record Entry(long base, long sizeBytes, MmioRegion region) {
        boolean contains(long gpa) {
            return Long.compareUnsigned(gpa - base, sizeBytes) < 0;
        }
    }

    private volatile Entry[] entries = {};

    /**
     * Routes {@code [gpa, gpa + sizeBytes)} to {@code region}.
     *
     * @throws IllegalArgumentException if the range is empty, wraps, or overlaps a mapped one
     */
    public synchronized void map(long gpa, long sizeBytes, MmioRegion region) {
        if (sizeBytes <= 0 || Long.compareUnsigned(gpa + sizeBytes - 1, gpa) < 0) {
            throw new IllegalArgumentException("empty or wrapping MMIO range");
        }
        List<Entry> next = new ArrayList<>(List.of(entries));
        for (Entry entry : next) {
            if (entry.contains(gpa) || Long.compareUnsigned(entry.base - gpa, sizeBytes) < 0) {
                throw new IllegalArgumentException(
                        "MMIO range at 0x%x overlaps the one at 0x%x".formatted(gpa, entry.base));
            }
        }
        next.add(new Entry(gpa, sizeBytes, region));
        next.sort(Comparator.comparing(Entry::base, Long::compareUnsigned));
        entries = next.toArray(Entry[]::new);
    }

    /** Removes the range mapped at exactly {@code gpa}; nothing happens if there is none. */
    public synchronized void unmap(long gpa) {
        List<Entry> next = new ArrayList<>(List.of(entries));
        next.removeIf(entry -> entry.base == gpa);
        entries = next.toArray(Entry[]::new);
    }

    /** Whether a region claims {@code gpa}. */
    public boolean claims(long gpa) {
        return find(gpa) != null;
    }

    /**
     * Reads {@code sizeBytes} (1, 2, 4 or 8) at {@code gpa}.
     *
     * @return the value, zero-extended
     */
    public long read(long gpa, int sizeBytes) {
        Entry entry = find(gpa);
        if (entry == null) {
            return ones(sizeBytes);
        }
        long offset = gpa - entry.base;
        if (fits(entry, offset, sizeBytes)) {
            return entry.region.read(offset, sizeBytes) & ones(sizeBytes);
        }
        int min = entry.region.minAccessBytes();
        if (sizeBytes < min && (offset & (sizeBytes - 1)) == 0) {
            long container = entry.region.read(offset & -min, min);
            return (container >>> (8 * (int) (offset & (min - 1)))) & ones(sizeBytes);
        }
        int half = sizeBytes / 2;
        if (half == 0) {
            return ones(sizeBytes);
        }
        return read(gpa, half) | (read(gpa + half, half) << (8 * half));
    }

    /** Writes the low {@code sizeBytes} (1, 2, 4 or 8) of {@code value} at {@code gpa}. */
    public void write(long gpa, int sizeBytes, long value) {
        Entry entry = find(gpa);
        if (entry == null) {
            return;
        }
        long offset = gpa - entry.base;
        long bytes = value & ones(sizeBytes);
        if (fits(entry, offset, sizeBytes)) {
            entry.region.write(offset, sizeBytes, bytes);
            return;
        }
        int min = entry.region.minAccessBytes();
        if (sizeBytes < min && (offset & (sizeBytes - 1)) == 0) {
            entry.region.write(offset & -min, min, bytes << (8 * (int) (offset & (min - 1))));
            return;
        }
        int half = sizeBytes / 2;
        if (half > 0) {
            write(gpa, half, bytes);
            write(gpa + half, half, bytes >>> (8 * half));
        }
    }

    /**
     * Writes 64 bytes at once (MOVDIR64B). A region that takes no blocks gets eight 8-byte writes.
     *
     * @param gpa a multiple of {@link #BLOCK_BYTES}: CPUs fault on others
     * @param block eight little-endian quadwords, lowest address first
     */
    public void writeBlock(long gpa, long[] block) {
        Entry entry = findBlock(gpa, block);
        if (entry == null || !entry.region.writeBlock(gpa - entry.base, block)) {
            for (int i = 0; i < block.length; i++) {
                write(gpa + (long) Long.BYTES * i, Long.BYTES, block[i]);
            }
        }
    }

    /**
     * Sends a Deferrable Memory Write of 64 bytes (ENQCMD, ENQCMDS).
     *
     * @param gpa as for {@link #writeBlock}
     * @return whether somebody accepted it; false, too, where nothing takes such writes
     */
    public boolean writeDeferrable(long gpa, long[] block) {
        Entry entry = findBlock(gpa, block);
        return entry != null && entry.region.writeDeferrable(gpa - entry.base, block);
    }

    /** The region that holds all of the block. */
    private @org.jspecify.annotations.Nullable Entry findBlock(long gpa, long[] block) {
        if ((gpa & (BLOCK_BYTES - 1)) != 0 || block.length * Long.BYTES != BLOCK_BYTES) {
            throw new IllegalArgumentException("no 64-byte block at 0x%x".formatted(gpa));
        }
        Entry entry = find(gpa);
        return entry != null && entry.contains(gpa + BLOCK_BYTES - 1) ? entry : null;
    }

    private static boolean fits(Entry entry, long offset, int sizeBytes) {
        return sizeBytes >= entry.region.minAccessBytes()
                && sizeBytes <= entry.region.maxAccessBytes()
                && (offset & (sizeBytes - 1)) == 0
                && Long.compareUnsigned(offset + sizeBytes, entry.sizeBytes) <= 0;
    }

    private static long ones(int sizeBytes) {
        return -1L >>> (64 - 8 * sizeBytes);
    }

    private @org.jspecify.annotations.Nullable Entry find(long gpa) {
        Entry[] snapshot = entries;
        int low = 0;
        int high = snapshot.length - 1;
        while (low <= high) {
            int middle = (low + high) >>> 1;
            Entry entry = snapshot[middle];
            if (entry.contains(gpa)) {
                return entry;
            }
            if (Long.compareUnsigned(gpa, entry.base) < 0) {
                high = middle - 1;
            } else {
                low = middle + 1;
            }
        }
        return null;
    }
}
