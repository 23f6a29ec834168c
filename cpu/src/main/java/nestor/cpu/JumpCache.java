package nestor.cpu;

import org.jspecify.annotations.Nullable;

/**
 * Virtual address to block, in front of {@link CodePages}: what the dispatcher looks at. Direct
 * mapped, and each {@link Target} remembers the two it was last left for, which answers most
 * lookups without one. Belongs to one regime of one vCPU, and follows the TLB's invalidations.
 *
 * @param <B> the architecture's block
 */
public final class JumpCache<B extends CodeBlock> {
    /** The time from one flush of one cache to the next, by identity. */
    private static final class Epoch {}

    /** Of targets that are in no cache. */
    private static final Epoch NEVER = new Epoch();

    private static final Target<?> NOWHERE = new Target<>();

    private final int stepLog2;
    private final int pageSlots;
    private final int mask;
    private final @Nullable Target<?>[] targets;
    private final MappingFilter mappings = new MappingFilter();
    private boolean empty = true;

    /** Replaced by {@link #flush}: what was valid in the epoch before is so no more. */
    private Epoch epoch = new Epoch();

    /**
     * A virtual address with the block that begins there. Valid while its epoch is the cache's: one
     * check covers the address, the regime and every invalidation.
     *
     * @param <B> the architecture's block
     */
    public static final class Target<B extends CodeBlock> {
        private final long va;
        private final @Nullable B block;
        private Epoch epoch;
        private Target<?> last;
        private Target<?> other;

        private Target() {
            va = 0;
            block = null;
            epoch = NEVER;
            last = this;
            other = this;
        }

        private Target(long va, B block, Epoch epoch) {
            this.va = va;
            this.block = block;
            this.epoch = epoch;
            last = NOWHERE;
            other = NOWHERE;
        }

        /** A target that no lookup finds: for a block that is good for one execution. */
        public static <B extends CodeBlock> Target<B> once(long va, B block) {
            return new Target<>(va, block, NEVER);
        }

        /** The virtual address. */
        public long va() {
            return va;
        }

        /** The block. */
        @SuppressWarnings("NullAway") // NOWHERE alone has none, and is never handed out
        public B block() {
            return block;
        }

        private void retire() {
            epoch = NEVER;
            last = NOWHERE;
            other = NOWHERE;
        }
    }

    /**
     * An empty cache.
     *
     * @param slotsLog2 log2 of the number of slots, at least a page's
     * @param stepLog2 instructions begin at multiples of 2^this: 2 for A64, 0 for x86
     */
    public JumpCache(int slotsLog2, int stepLog2) {
        this.stepLog2 = stepLog2;
        pageSlots = 1 << (RamMap.PAGE_LOG2 - stepLog2);
        mask = (1 << slotsLog2) - 1;
        targets = new Target<?>[1 << slotsLog2];
    }

    /** The block that begins at {@code va}, if it is known. */
    @SuppressWarnings("unchecked") // put() stores nothing else
    public @Nullable Target<B> get(long va) {
        Target<?> target = targets[slot(va)];
        return target != null && target.va == va && target.epoch == epoch
                ? (Target<B>) target
                : null;
    }

    /** As {@link #get}, after {@code from} was executed; {@code from} may be of another cache. */
    @SuppressWarnings("unchecked") // only targets of this cache have its epoch
    public @Nullable Target<B> follow(Target<B> from, long va) {
        Target<?> last = from.last;
        if (last.va == va && last.epoch == epoch) {
            return (Target<B>) last;
        }
        Target<?> other = from.other;
        if (other.va == va && other.epoch == epoch) {
            return (Target<B>) other;
        }
        Target<B> found = get(va);
        if (found != null) {
            from.other = last;
            from.last = found;
        }
        return found;
    }

    /**
     * Remembers a block.
     *
     * @param sizeLog2 size of the guest's mapping it was reached through
     */
    public Target<B> put(long va, B block, int sizeLog2) {
        Target<B> target = new Target<>(va, block, epoch);
        retire(slot(va));
        targets[slot(va)] = target;
        mappings.add(va, sizeLog2);
        empty = false;
        return target;
    }

    /** Forgets one address. */
    public void remove(long va) {
        if (get(va) != null) {
            retire(slot(va));
        }
    }

    /** Forgets everything. */
    public void flush() {
        if (!empty) {
            epoch = new Epoch();
            mappings.clear();
            empty = true;
        }
    }

    /** Forgets what was reached through the guest's mapping that holds {@code va}. */
    public void drop(long va) {
        if (empty) {
            return;
        }
        int sizeLog2 = mappings.largestHolding(va);
        if (sizeLog2 > RamMap.PAGE_LOG2) {
            flush();
        } else if (sizeLog2 != MappingFilter.NONE) {
            dropPage(va);
        }
    }

    private void dropPage(long va) {
        int first = slot(va & SoftTlb.PAGE_MASK);
        for (int slot = first; slot < first + pageSlots; slot++) {
            Target<?> target = targets[slot];
            if (target != null
                    && ((target.va ^ va) & SoftTlb.ADDRESS_MASK & SoftTlb.PAGE_MASK) == 0) {
                retire(slot);
            }
        }
    }

    /** Whoever leaves its slot is not followed to either: no invalidation would find it there. */
    private void retire(int slot) {
        Target<?> target = targets[slot];
        if (target != null) {
            target.retire();
            targets[slot] = null;
        }
    }

    private int slot(long va) {
        return (int) (va >>> stepLog2) & mask;
    }
}
