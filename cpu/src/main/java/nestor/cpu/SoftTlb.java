package nestor.cpu;

import java.lang.foreign.Arena;

/**
 * A direct-mapped software TLB in native memory, for one translation regime of one vCPU. An entry
 * maps one 4 KiB page of RAM for reads, writes and fetches, each allowed by its own tag; whatever
 * must not be fast (devices, pages that hold decoded code, pages without permission) has no tag.
 *
 * <p>A CPU probes it inline, on the owner's thread:
 *
 * <pre>{@code
 * long entry = base + SoftTlb.offset(va);
 * if (HostMemory.getLong(entry + SoftTlb.READ) == ((va + size - 1) & SoftTlb.PAGE_MASK)) {
 *     value = HostMemory.getLong(va + HostMemory.getLong(entry + SoftTlb.ADDEND));
 * }
 * }</pre>
 *
 * The index comes from the first byte and the tag from the last, so an access that crosses a page
 * never hits.
 */
public final class SoftTlb {
    /** Offsets inside an entry. */
    public static final int READ = 0;

    public static final int WRITE = 8;
    public static final int ADDEND = 16;
    public static final int FETCH = 24;

    /** What a tag is made of. */
    public static final long PAGE_MASK = -RamMap.PAGE_BYTES;

    private static final int ENTRY_LOG2 = 5;
    private static final int ENTRIES_LOG2 = 10;
    private static final int ENTRIES = 1 << ENTRIES_LOG2;
    private static final long INDEX_MASK = (long) (ENTRIES - 1) << ENTRY_LOG2;

    /**
     * No page has this tag. A tag for fetches has the mapping's size in the bits below the page.
     */
    private static final long NO_PAGE = 1;

    /** Address bits that a maintenance operation names; the top byte may be a tag. */
    private static final int ADDRESS_BITS = 56;

    static final long ADDRESS_MASK = -1L >>> (64 - ADDRESS_BITS);

    private final long base;

    /** Of mappings larger than a page; an entry of one page is found by its address. */
    private final MappingFilter large = new MappingFilter();

    private boolean empty;

    /** Entries filled since the last flush that {@link #flushLocal} has to drop. */
    private final short[] local = new short[ENTRIES];

    /** How many; if they were more than fit, or at first, all have to be dropped. */
    private int locals = ENTRIES + 1;

    /** Whether an entry may be left that {@link #flushLocal} keeps. */
    private boolean globals;

    /**
     * An empty TLB.
     *
     * @param arena owns the native memory; must outlive the vCPU
     */
    public SoftTlb(Arena arena) {
        base = arena.allocate((long) ENTRIES << ENTRY_LOG2, 64).address();
        flush();
    }

    /** Where an address is looked up, relative to {@link #base}. */
    public static long offset(long va) {
        return (va >>> (RamMap.PAGE_LOG2 - ENTRY_LOG2)) & INDEX_MASK;
    }

    /** Host address of the first entry. */
    public long base() {
        return base;
    }

    /**
     * Maps the page that holds {@code va}.
     *
     * @param host host address of the byte at {@code va}
     * @param sizeLog2 size of the guest's own mapping, of which this page is a part
     */
    public void fill(long va, long host, int sizeLog2, boolean read, boolean write, boolean fetch) {
        int slot = (int) (offset(va) >>> ENTRY_LOG2);
        if (locals < ENTRIES) {
            local[locals] = (short) slot;
        }
        locals++;
        put(va, host, sizeLog2, read, write, fetch);
    }

    /** As {@link #fill}, of a page that {@link #flushLocal} keeps. */
    public void fillGlobal(
            long va, long host, int sizeLog2, boolean read, boolean write, boolean fetch) {
        globals = true;
        put(va, host, sizeLog2, read, write, fetch);
    }

    private void put(
            long va, long host, int sizeLog2, boolean read, boolean write, boolean fetch) {
        long entry = base + offset(va);
        long page = va & PAGE_MASK;
        HostMemory.putLong(entry + READ, read ? page : NO_PAGE);
        HostMemory.putLong(entry + WRITE, write ? page : NO_PAGE);
        HostMemory.putLong(entry + FETCH, fetch ? page | sizeLog2 : NO_PAGE);
        HostMemory.putLong(entry + ADDEND, host - va);
        if (sizeLog2 > RamMap.PAGE_LOG2) {
            large.add(va, sizeLog2);
        }
        empty = false;
    }

    /** Host address of the instruction at {@code va}, or {@link RamMap#NONE}. */
    public long fetchAddress(long va) {
        long entry = base + offset(va);
        return fetches(entry, va) ? va + HostMemory.getLong(entry + ADDEND) : RamMap.NONE;
    }

    /**
     * log2 of the size of the guest's mapping that the instruction at {@code va} was reached
     * through; of all addresses if that is not known any more.
     */
    public int fetchSizeLog2(long va) {
        long entry = base + offset(va);
        return fetches(entry, va)
                ? (int) (HostMemory.getLong(entry + FETCH) & ~PAGE_MASK)
                : ADDRESS_BITS;
    }

    private static boolean fetches(long entry, long va) {
        long tag = HostMemory.getLong(entry + FETCH);
        return tag != NO_PAGE && (tag & PAGE_MASK) == (va & PAGE_MASK);
    }

    /** Drops everything. */
    public void flush() {
        if (!empty) {
            boolean all = globals || locals > ENTRIES;
            for (int i = 0; i < (all ? ENTRIES : locals); i++) {
                clear(base + ((long) (all ? i : local[i]) << ENTRY_LOG2));
            }
            large.clear();
            empty = true;
            locals = 0;
            globals = false;
        }
    }

    /** Drops everything but what {@link #fillGlobal} made; of that perhaps some. */
    public void flushLocal() {
        if (!globals || locals > ENTRIES) {
            flush();
        } else {
            for (int i = 0; i < locals; i++) {
                clear(base + ((long) local[i] << ENTRY_LOG2));
            }
            locals = 0;
        }
    }

    /** Drops every page of the guest's mapping that holds {@code va}, whatever its size was. */
    public void drop(long va) {
        if (empty) {
            return;
        }
        dropIfInside(base + offset(va), va, RamMap.PAGE_LOG2);
        int sizeLog2 = large.largestHolding(va);
        if (sizeLog2 != MappingFilter.NONE) {
            dropLarge(va, sizeLog2);
        }
    }

    private void dropLarge(long va, int sizeLog2) {
        long first = va & -(1L << sizeLog2);
        long span = Math.min(1L << (sizeLog2 - RamMap.PAGE_LOG2), ENTRIES);
        for (long i = 0; i < span; i++) {
            dropIfInside(base + offset(first + (i << RamMap.PAGE_LOG2)), va, sizeLog2);
        }
    }

    /** Withdraws the permission to write one page of RAM, under whatever address it is mapped. */
    public void withdrawWrite(long hostPage) {
        for (int i = 0; i < ENTRIES; i++) {
            long entry = base + ((long) i << ENTRY_LOG2);
            long page = HostMemory.getLong(entry + WRITE);
            if (page != NO_PAGE && page + HostMemory.getLong(entry + ADDEND) == hostPage) {
                HostMemory.putLong(entry + WRITE, NO_PAGE);
            }
        }
    }

    private static void dropIfInside(long entry, long va, int sizeLog2) {
        long page = HostMemory.getLong(entry + READ);
        if (page == NO_PAGE) {
            page = HostMemory.getLong(entry + WRITE);
        }
        if (page == NO_PAGE) {
            page = HostMemory.getLong(entry + FETCH);
        }
        if (((page ^ va) & ADDRESS_MASK) >>> sizeLog2 == 0) {
            clear(entry);
        }
    }

    private static void clear(long entry) {
        HostMemory.putLong(entry + READ, NO_PAGE);
        HostMemory.putLong(entry + WRITE, NO_PAGE);
        HostMemory.putLong(entry + FETCH, NO_PAGE);
    }
}
