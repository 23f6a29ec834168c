package nestor.iommu;

import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReferenceArray;
import nestor.pci.Translation;
import org.jspecify.annotations.Nullable;

/**
 * A cache of translations, of whatever page sizes, keyed by a tag and an address. The tag is the
 * model's own packing of domain, PASID, ASID and the like; nothing here knows what it means.
 *
 * <p><b>Hit.</b> Entries sit in a set-associative table indexed by tag and block number, so a
 * lookup probes one set for each size that is present. In front of it a direct-mapped array indexed
 * by tag and 4 KiB page remembers the entry a page was last found in: one probe, whatever the size.
 * A hit reads only and returns the stored object.
 *
 * <p><b>Liveness.</b> An entry is dead once its mapping is taken out, or once the {@link Space} of
 * its tag has died. Dead entries are never revived, so neither the front nor a concurrent lookup
 * has to be told. One page dies by a probe of each size; a tag dies as a whole in one write; a
 * masked invalidation asks each tag that has entries. A range too large to probe takes its whole
 * tag along, which every architecture allows.
 *
 * <p><b>Fill.</b> Whoever walks samples {@link #epoch} first. {@link #insert} drops the entry if an
 * invalidation that covers it came in between; so many are remembered, and a filler that slept
 * through more of them is refused.
 *
 * <p>Global entries are a tag of the model's packing: it looks up, and invalidates, both tags. Only
 * leaf translations are cached, no intermediate tables and no faults; invalidations of leaf entries
 * only are therefore invalidations.
 *
 * <p>Any thread. Fills and invalidations share a lock, under which nothing is called.
 */
public final class Iotlb {
    private static final int WAYS = 4;
    private static final int FRONT_SLOTS = 256;
    private static final int PAGE_LOG2 = 12;

    /** Invalidations that a fill can be compared with. */
    private static final int REMEMBERED = 64;

    /** Odd numbers without pattern, which spread neighbouring tags and blocks over the sets. */
    private static final long TAG_SPREAD = 0x9E37_79B9_7F4A_7C15L;

    private static final long BLOCK_SPREAD = 0xD6E8_FEB8_6659_FD93L;

    /** Sets that one invalidation looks into before whole tags die instead. */
    private static final long MAX_PROBES = 4096;

    /** The entries of one tag, from its first fill to its death. */
    private static final class Space {
        final long tag;
        volatile boolean alive = true;

        /** Entries alive, guarded by the lock. */
        int entries;

        Space(long tag) {
            this.tag = tag;
        }
    }

    /** Tag, base and size are copies, so that a probe of another entry reads this object only. */
    private static final class Entry {
        final long tag;
        final long iovaBase;
        final int sizeLog2;
        final Space space;

        /** Null once dead. */
        volatile Translation.@Nullable Mapping mapping;

        Entry(Space space, Translation.Mapping mapping) {
            this.tag = space.tag;
            this.iovaBase = mapping.iovaBase();
            this.sizeLog2 = mapping.sizeLog2();
            this.space = space;
            this.mapping = mapping;
        }

        /** The mapping, if the entry is of {@code tag} and {@code iova} and is alive. */
        Translation.@Nullable Mapping match(long tag, long iova) {
            return this.tag == tag && block(iova ^ iovaBase, sizeLog2) == 0 && space.alive
                    ? mapping
                    : null;
        }

        boolean isDead() {
            return mapping == null || !space.alive;
        }
    }

    private record Invalidation(Tags tags, IovaRange range) {
        boolean covers(long tag, IovaRange block) {
            return tags.matches(tag) && range.overlaps(block);
        }
    }

    private final int ways;
    private final int sets;
    private final AtomicReferenceArray<@Nullable Entry> slots;
    private final AtomicReferenceArray<@Nullable Entry> front;

    /** Bit n is set while a slot holds an entry, dead or alive, of 2^(n+1) bytes. */
    private volatile long sizes;

    private volatile long epoch;

    private final Object lock = new Object();
    private final Map<Long, Space> spaces = new HashMap<>();
    private final int[] entriesOfSize = new int[Long.SIZE + 1];
    private final @Nullable Invalidation[] remembered = new Invalidation[REMEMBERED];
    private int nextVictim;
    private @Nullable Listener listener;

    /** Hears of every invalidation, after it is done and with no lock held. */
    @FunctionalInterface
    public interface Listener {
        void invalidated(Tags tags, IovaRange range);
    }

    /**
     * An empty cache.
     *
     * @param capacity entries it may hold; 0 caches nothing. Up to half may go unused, as the
     *     number of sets is a power of two
     */
    public Iotlb(int capacity) {
        if (capacity < 0) {
            throw new IllegalArgumentException("a cache of " + capacity + " entries");
        }
        ways = Math.min(WAYS, capacity);
        sets = ways == 0 ? 0 : Integer.highestOneBit(capacity / ways);
        slots = new AtomicReferenceArray<>(sets * ways);
        front = new AtomicReferenceArray<>(ways == 0 ? 0 : FRONT_SLOTS);
    }

    /**
     * The translation of {@code iova} under {@code tag}, whatever it permits; null if none is
     * cached. Takes no lock and allocates nothing.
     */
    public Translation.@Nullable Mapping lookup(long tag, long iova) {
        if (ways == 0) {
            return null;
        }
        int frontSlot = mix(tag, iova >>> PAGE_LOG2) & FRONT_SLOTS - 1;
        Entry recent = front.getAcquire(frontSlot);
        if (recent != null) {
            Translation.Mapping mapping = recent.match(tag, iova);
            if (mapping != null) {
                return mapping;
            }
        }
        for (long left = sizes; left != 0; left &= left - 1) {
            int first = firstSlot(tag, iova, Long.numberOfTrailingZeros(left) + 1);
            for (int slot = first; slot < first + ways; slot++) {
                Entry entry = slots.getAcquire(slot);
                Translation.Mapping mapping = entry == null ? null : entry.match(tag, iova);
                if (mapping != null) {
                    front.setRelease(frontSlot, entry);
                    return mapping;
                }
            }
        }
        return null;
    }

    /** Who hears of invalidations; before the machine runs. */
    public void onInvalidated(Listener who) {
        listener = who;
    }

    /** What to give {@link #insert}; sampled before the first descriptor is read. */
    public long epoch() {
        return epoch;
    }

    /**
     * Caches what a walk found, in place of an entry for the same block.
     *
     * @param sampled {@link #epoch} from before the walk
     * @return whether it is cached; not if it may have been invalidated since
     */
    public boolean insert(long tag, long sampled, Translation.Mapping mapping) {
        if (ways == 0) {
            return false;
        }
        synchronized (lock) {
            if (invalidatedSince(sampled, tag, mapping)) {
                return false;
            }
            Space space = spaces.computeIfAbsent(tag, Space::new);
            Entry entry = new Entry(space, mapping);
            space.entries++;
            int slot = slotFor(tag, mapping);
            Entry before = slots.get(slot);
            if (before != null) {
                kill(before);
                count(before.sizeLog2, -1);
            }
            count(entry.sizeLog2, 1);
            slots.setRelease(slot, entry);
            return true;
        }
    }

    private boolean invalidatedSince(long sampled, long tag, Translation.Mapping mapping) {
        if (epoch - sampled > REMEMBERED) {
            return true;
        }
        IovaRange block = IovaRange.block(mapping.iovaBase(), mapping.sizeLog2());
        for (long since = sampled + 1; since <= epoch; since++) {
            Invalidation invalidation = remembered[(int) since & REMEMBERED - 1];
            if (invalidation == null || invalidation.covers(tag, block)) {
                return true;
            }
        }
        return false;
    }

    /** The slot of the same block, else of nothing alive, else of one way after the other. */
    private int slotFor(long tag, Translation.Mapping mapping) {
        int first = firstSlot(tag, mapping.iovaBase(), mapping.sizeLog2());
        int unused = -1;
        for (int slot = first; slot < first + ways; slot++) {
            Entry entry = slots.get(slot);
            if (entry == null || entry.isDead()) {
                unused = slot;
            } else if (entry.sizeLog2 == mapping.sizeLog2()
                    && entry.match(tag, mapping.iovaBase()) != null) {
                return slot;
            }
        }
        return unused >= 0 ? unused : first + Math.floorMod(nextVictim++, ways);
    }

    private void count(int sizeLog2, int change) {
        entriesOfSize[sizeLog2] += change;
        long bit = 1L << sizeLog2 - 1;
        sizes = entriesOfSize[sizeLog2] == 0 ? sizes & ~bit : sizes | bit;
    }

    /**
     * Drops every translation of {@code tags} that shares an address with {@code range}, and every
     * fill of one that is under way. DMA that already uses one is {@link nestor.pci.Quiescence}'s
     * to wait for. May drop more.
     *
     * @param range {@link IovaRange#ALL} for whole tags
     */
    public void invalidate(Tags tags, IovaRange range) {
        if (ways != 0) {
            drop(tags, range);
        }
        Listener told = listener;
        if (told != null) {
            told.invalidated(tags, range);
        }
    }

    private void drop(Tags tags, IovaRange range) {
        synchronized (lock) {
            long next = epoch + 1;
            remembered[(int) next & REMEMBERED - 1] = new Invalidation(tags, range);
            epoch = next;
            var budget = new ProbeBudget();
            if (!tags.isOne()) {
                spaces.values()
                        .removeIf(space -> tags.matches(space.tag) && drop(space, range, budget));
                return;
            }
            Space space = spaces.get(tags.value());
            if (space != null && drop(space, range, budget)) {
                spaces.remove(space.tag);
            }
        }
    }

    private static final class ProbeBudget {
        long left = MAX_PROBES;
    }

    /** Whether nothing of {@code space} is left. */
    private boolean drop(Space space, IovaRange range, ProbeBudget budget) {
        long probes = 0;
        for (long left = sizes; left != 0; left &= left - 1) {
            probes += blocks(range, Long.numberOfTrailingZeros(left) + 1);
        }
        if (range.equals(IovaRange.ALL) || probes > budget.left) {
            space.alive = false;
            space.entries = 0;
            return true;
        }
        budget.left -= probes;
        for (long left = sizes; left != 0; left &= left - 1) {
            int sizeLog2 = Long.numberOfTrailingZeros(left) + 1;
            long blocks = blocks(range, sizeLog2);
            long iova = range.first();
            for (long i = 0; i < blocks; i++, iova += 1L << sizeLog2) {
                dropBlock(space, iova, sizeLog2);
            }
        }
        return space.entries == 0;
    }

    private void dropBlock(Space space, long iova, int sizeLog2) {
        int first = firstSlot(space.tag, iova, sizeLog2);
        for (int slot = first; slot < first + ways; slot++) {
            Entry entry = slots.get(slot);
            if (entry != null
                    && entry.sizeLog2 == sizeLog2
                    && entry.match(space.tag, iova) != null) {
                entry.mapping = null;
                space.entries--;
            }
        }
    }

    /** Makes an entry unreachable whose slot is wanted. */
    private void kill(Entry entry) {
        if (!entry.isDead()) {
            Space space = entry.space;
            entry.mapping = null;
            space.entries--;
            if (space.entries == 0) {
                spaces.remove(space.tag);
            }
        }
    }

    /** Entries alive. */
    int size() {
        synchronized (lock) {
            return spaces.values().stream().mapToInt(space -> space.entries).sum();
        }
    }

    /** Tags with entries alive. */
    int tags() {
        synchronized (lock) {
            return spaces.size();
        }
    }

    /** Blocks of one size that share an address with {@code range}. */
    private static long blocks(IovaRange range, int sizeLog2) {
        return block(range.last(), sizeLog2) - block(range.first(), sizeLog2) + 1;
    }

    private static long block(long iova, int sizeLog2) {
        return sizeLog2 == Long.SIZE ? 0 : iova >>> sizeLog2;
    }

    private int firstSlot(long tag, long iova, int sizeLog2) {
        return (mix(tag, block(iova, sizeLog2)) & sets - 1) * ways;
    }

    private static int mix(long tag, long block) {
        long mixed = (block ^ tag * TAG_SPREAD) * BLOCK_SPREAD;
        return (int) (mixed >>> 32 ^ mixed >>> 16);
    }
}
