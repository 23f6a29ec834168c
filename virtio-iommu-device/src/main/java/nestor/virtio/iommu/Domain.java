package nestor.virtio.iommu;

import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicReferenceArray;
import nestor.pci.CompletionStatus;
import nestor.pci.Translation;

/**
 * An address space that endpoints share (§5.13.4): the mappings the driver made, in address order,
 * and in front of them a direct-mapped cache of translated blocks. A cache hit takes no lock; the
 * cache is filled and emptied under the lock that guards the mappings, so nothing unmapped is ever
 * cached again.
 *
 * <p>The driver's requests change a domain on the device's loop; any thread translates.
 */
final class Domain {
    /** No mapping here, or none with the access asked for. */
    static final Translation UNMAPPED =
            new Translation.Rejected(CompletionStatus.UNSUPPORTED_REQUEST);

    private static final int PAGE_LOG2 = 12;
    private static final int SLOTS = 512;

    /** A range mapped as a whole: one MAP request, or a region mapped to itself. */
    record MappedRange(IovaRange range, long gpa, int access) {
        /** The largest naturally aligned block that holds {@code iova} and is mapped here. */
        Translation.Mapping block(long iova) {
            int sizeLog2 = PAGE_LOG2;
            long base = iova & -1L << PAGE_LOG2;
            while (sizeLog2 < 64) {
                long mask = sizeLog2 == 63 ? -1 : (1L << sizeLog2 + 1) - 1;
                long wider = iova & ~mask;
                if (!range.contains(wider) || !range.contains(wider | mask)) {
                    break;
                }
                base = wider;
                sizeLog2++;
            }
            return new Translation.Mapping(base, sizeLog2, gpa + (base - range.first()), access);
        }
    }

    private final boolean bypass;
    private final Object lock = new Object();
    private final NavigableMap<Long, MappedRange> mappings = new TreeMap<>(Long::compareUnsigned);
    private final AtomicReferenceArray<Translation.Mapping> cache;
    private int endpoints;

    /**
     * @param bypass whether attached endpoints reach memory untranslated; such a domain has no
     *     mappings
     */
    Domain(boolean bypass) {
        this.bypass = bypass;
        this.cache = new AtomicReferenceArray<>(bypass ? 0 : SLOTS);
    }

    boolean isBypass() {
        return bypass;
    }

    /** Counts an endpoint that attaches. Loop only. */
    void attach() {
        endpoints++;
    }

    /** Counts an endpoint that detaches; true if it was the last. Loop only. */
    boolean detach() {
        endpoints--;
        return endpoints == 0;
    }

    /** Mappings that exist. */
    int size() {
        synchronized (lock) {
            return mappings.size();
        }
    }

    /** Adds a mapping; false if part of the range is mapped already. */
    boolean map(IovaRange range, long gpa, int access) {
        synchronized (lock) {
            Map.Entry<Long, MappedRange> before = mappings.floorEntry(range.last());
            if (before != null && before.getValue().range().overlaps(range)) {
                return false;
            }
            mappings.put(range.first(), new MappedRange(range, gpa, access));
            return true;
        }
    }

    /** Whether an edge of {@code range} lies inside a mapping that reaches beyond it. */
    boolean splits(IovaRange range) {
        synchronized (lock) {
            return reachesBeyond(mappings.floorEntry(range.first()), range)
                    || reachesBeyond(mappings.floorEntry(range.last()), range);
        }
    }

    private static boolean reachesBeyond(
            Map.@org.jspecify.annotations.Nullable Entry<Long, MappedRange> entry,
            IovaRange range) {
        if (entry == null) {
            return false;
        }
        IovaRange mapped = entry.getValue().range();
        return mapped.overlaps(range) && !range.contains(mapped);
    }

    /** Removes the mappings inside {@code range}, none of which it splits; returns how many. */
    int unmap(IovaRange range) {
        synchronized (lock) {
            NavigableMap<Long, MappedRange> inside =
                    mappings.subMap(range.first(), true, range.last(), true);
            int removed = 0;
            while (!inside.isEmpty()) {
                inside.pollFirstEntry();
                removed++;
            }
            if (removed > 0) {
                dropCached(range);
            }
            return removed;
        }
    }

    private void dropCached(IovaRange range) {
        long pages = (range.last() - range.first() >>> PAGE_LOG2) + 1;
        long slots = Math.min(pages, SLOTS);
        for (long i = 0; i < slots; i++) {
            cache.setRelease(slot(range.first() + (i << PAGE_LOG2)), null);
        }
    }

    /**
     * The block that holds {@code iova}, if all of {@code access} is allowed there; else {@link
     * #UNMAPPED}. Any thread.
     */
    Translation translate(long iova, int access) {
        Translation.Mapping cached = cache.getAcquire(slot(iova));
        if (cached != null && covers(cached, iova)) {
            return allows(cached, access) ? cached : UNMAPPED;
        }
        synchronized (lock) {
            Map.Entry<Long, MappedRange> before = mappings.floorEntry(iova);
            if (before == null || !before.getValue().range().contains(iova)) {
                return UNMAPPED;
            }
            Translation.Mapping block = before.getValue().block(iova);
            cache.setRelease(slot(iova), block);
            return allows(block, access) ? block : UNMAPPED;
        }
    }

    private static int slot(long iova) {
        return (int) (iova >>> PAGE_LOG2) & SLOTS - 1;
    }

    private static boolean covers(Translation.Mapping block, long iova) {
        return block.sizeLog2() == 64 || (iova ^ block.iovaBase()) >>> block.sizeLog2() == 0;
    }

    /** The device type has no right to execute of its own: what can be read can be executed. */
    private static boolean allows(Translation.Mapping block, int access) {
        int needed = access & Translation.WRITE;
        if ((access & (Translation.READ | Translation.EXECUTE)) != 0) {
            needed |= Translation.READ;
        }
        return (needed & ~block.access()) == 0;
    }
}
