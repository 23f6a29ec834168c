package nestor.cpu;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Virtual address to block, direct-mapped, in front of {@link CodePages}: what the dispatcher looks
 * at. Belongs to one regime of one vCPU, and follows the TLB's invalidations.
 *
 * @param <B> the architecture's block
 */
public final class JumpCache<B extends CodeBlock> {
    /** Instructions are 4 bytes apart. */
    private static final int STEP_LOG2 = 2;

    private static final int PAGE_SLOTS = 1 << (RamMap.PAGE_LOG2 - STEP_LOG2);

    /** No instruction has this address. */
    private static final long NO_ADDRESS = 1;

    private static final int REGION_LOG2 = 21;
    private static final int REGIONS = 1 << 10;

    private final int mask;
    private final long[] addresses;
    private final @Nullable CodeBlock[] blocks;

    /** Whether a 2 MiB region of the address space, by hash, may be present. */
    private final boolean[] regions = new boolean[REGIONS];

    private int largestLog2;
    private boolean empty;

    /**
     * An empty cache.
     *
     * @param slotsLog2 log2 of the number of slots, at least 10
     */
    public JumpCache(int slotsLog2) {
        mask = (1 << slotsLog2) - 1;
        addresses = new long[1 << slotsLog2];
        blocks = new CodeBlock[1 << slotsLog2];
        flush();
    }

    /** The block that begins at {@code va}, if it is known. */
    @SuppressWarnings("unchecked") // put() stores nothing else
    public @Nullable B get(long va) {
        int slot = (int) (va >>> STEP_LOG2) & mask;
        return addresses[slot] == va ? (B) blocks[slot] : null;
    }

    /**
     * Remembers a block.
     *
     * @param sizeLog2 size of the guest's mapping it was reached through
     */
    public void put(long va, B block, int sizeLog2) {
        int slot = (int) (va >>> STEP_LOG2) & mask;
        addresses[slot] = va;
        blocks[slot] = block;
        regions[region(va)] = true;
        largestLog2 = Math.max(largestLog2, sizeLog2);
        empty = false;
    }

    /** Forgets one address. */
    public void remove(long va) {
        int slot = (int) (va >>> STEP_LOG2) & mask;
        if (addresses[slot] == va) {
            addresses[slot] = NO_ADDRESS;
            blocks[slot] = null;
        }
    }

    /** Forgets everything. */
    public void flush() {
        if (!empty) {
            Arrays.fill(addresses, NO_ADDRESS);
            Arrays.fill(blocks, null);
            Arrays.fill(regions, false);
            largestLog2 = RamMap.PAGE_LOG2;
            empty = true;
        }
    }

    /** Forgets what was reached through the guest's mapping that holds {@code va}. */
    public void drop(long va) {
        if (empty || largestLog2 <= REGION_LOG2 && !regions[region(va)]) {
            return;
        }
        if (largestLog2 > RamMap.PAGE_LOG2) {
            flush();
            return;
        }
        int first = (int) ((va & SoftTlb.PAGE_MASK) >>> STEP_LOG2) & mask;
        for (int slot = first; slot < first + PAGE_SLOTS; slot++) {
            addresses[slot] = NO_ADDRESS;
            blocks[slot] = null;
        }
    }

    private static int region(long va) {
        long number = (va << 8) >>> (8 + REGION_LOG2);
        return (int) ((number * 0x9e37_79b9_7f4a_7c15L) >>> 54);
    }
}
