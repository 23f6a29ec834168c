package nestor.virtio.iommu;

import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import nestor.iommu.Iotlb;
import nestor.iommu.IovaRange;
import nestor.iommu.Tags;
import nestor.iommu.host.Stage1Intent;
import nestor.pci.Chaos;
import nestor.pci.ChaosKey;
import nestor.pci.Translation;
import nestor.virtio.iommu.table.SpaceTag;
import org.jspecify.annotations.Nullable;

/**
 * A domain of mappings, or one that bypasses: the mappings the driver made, in address order, and
 * in the IOTLB, under the domain's own tag, the blocks of them that were used.
 *
 * <p>The driver's requests change a domain on the device's loop; any thread translates.
 */
final class MappedDomain implements Domain {
    private static final int PAGE_LOG2 = 12;
    static final long PAGE_BYTES = 1L << PAGE_LOG2;

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

    private final int id;
    private final int serial;
    private final boolean bypass;
    private final long tag;
    private final Iotlb iotlb;
    private final Chaos chaos;
    private final Object lock = new Object();
    private final NavigableMap<Long, MappedRange> mappings = new TreeMap<>(Long::compareUnsigned);
    private int endpoints;

    /**
     * @param id the driver's number for it
     * @param serial for {@link SpaceTag}
     * @param bypass whether attached endpoints reach memory untranslated; such a domain has no
     *     mappings
     */
    MappedDomain(int id, int serial, boolean bypass, Iotlb iotlb, Chaos chaos) {
        this.id = id;
        this.serial = serial;
        this.bypass = bypass;
        this.tag = SpaceTag.ofDomain(serial);
        this.iotlb = iotlb;
        this.chaos = chaos;
    }

    boolean isBypass() {
        return bypass;
    }

    @Override
    public int id() {
        return id;
    }

    @Override
    public int serial() {
        return serial;
    }

    @Override
    public void attach(int endpoint) {
        endpoints++;
    }

    @Override
    public boolean detach(int endpoint) {
        endpoints--;
        if (endpoints > 0) {
            return false;
        }
        iotlb.invalidate(Tags.only(tag), IovaRange.ALL);
        return true;
    }

    /** A host cannot walk what was mapped by requests. */
    @Override
    public Stage1Intent intent() {
        return bypass ? Stage1Intent.BYPASS : Stage1Intent.BLOCKED;
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
            Map.@Nullable Entry<Long, MappedRange> entry, IovaRange range) {
        if (entry == null) {
            return false;
        }
        IovaRange mapped = entry.getValue().range();
        return mapped.overlaps(range) && !range.contains(mapped);
    }

    /** Removes the mappings inside {@code range}, none of which it splits; returns how many. */
    int unmap(IovaRange range) {
        int removed;
        synchronized (lock) {
            int before = mappings.size();
            mappings.subMap(range.first(), true, range.last(), true).clear();
            removed = before - mappings.size();
        }
        if (removed > 0) {
            iotlb.invalidate(Tags.only(tag), range);
        }
        return removed;
    }

    /** The block that holds {@code iova}; null if none is mapped there. Any thread. */
    Translation.@Nullable Mapping translate(long iova) {
        Translation.Mapping cached = iotlb.lookup(tag, iova);
        if (cached != null) {
            return cached;
        }
        long epoch = iotlb.epoch();
        Translation.Mapping block = current(iova);
        if (block != null && !chaos.has(ChaosKey.CACHE_NONE)) {
            iotlb.insert(tag, epoch, block);
        }
        return block;
    }

    /** The block that is mapped there now, from no cache and into none; null if there is none. */
    Translation.@Nullable Mapping current(long iova) {
        MappedRange mapped = find(iova);
        return mapped == null ? null : mapped.block(iova);
    }

    /** The mapping that holds {@code iova}; null if there is none. Any thread. */
    @Nullable MappedRange find(long iova) {
        Map.Entry<Long, MappedRange> before;
        synchronized (lock) {
            before = mappings.floorEntry(iova);
        }
        return before == null || !before.getValue().range().contains(iova)
                ? null
                : before.getValue();
    }

    /** The last address of the mapping that holds {@code iova}, or else before the next one. */
    long last(long iova) {
        synchronized (lock) {
            Map.Entry<Long, MappedRange> before = mappings.floorEntry(iova);
            if (before != null && before.getValue().range().contains(iova)) {
                return before.getValue().range().last();
            }
            Long next = mappings.higherKey(iova);
            return next == null ? -1 : next - 1;
        }
    }

    /** What the IOTLB holds for {@code iova}; null if nothing. Any thread. */
    Translation.@Nullable Mapping cached(long iova) {
        return iotlb.lookup(tag, iova);
    }
}
