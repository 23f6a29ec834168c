package nestor.cpu;

import java.util.function.LongConsumer;
import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.memory.PageWriteListener;
import org.jspecify.annotations.Nullable;

/**
 * The blocks decoded from each page of RAM, by guest-physical address, and the watch over those
 * pages: a block lives until any of the words of its page is written, by a vCPU under whatever
 * virtual address or by a device. Shared by all vCPUs of a machine; any thread.
 *
 * <p>Decoding goes {@link #watch}, read the words, {@link #add}: a write in between makes {@code
 * add} refuse.
 *
 * @param <B> the architecture's block
 */
public final class CodePages<B extends CodeBlock> implements PageWriteListener {
    /** Bound on the blocks held; beyond it all are dropped, and the hot ones decoded again. */
    static final int MAX_BLOCKS = 300_000;

    private static final int GROUP_LOG2 = 6;
    private static final int GROUP = 1 << GROUP_LOG2;

    /** Stores beside the code that a page takes before it is dropped, doubled with each drop. */
    private static final int FIRST_PATIENCE = 16;

    private static final int MAX_DOUBLINGS = 12;

    private final RamMap ram;
    private final int stepLog2;
    private final int pageSteps;
    private final LongConsumer withdrawWrites;
    private final @Nullable Page[] pages;
    private final boolean[] writable;
    private final byte[] doublings;
    private int count;

    /**
     * Holds no blocks yet.
     *
     * @param stepLog2 instructions begin at multiples of 2^this: 2 for A64, 0 for x86
     * @param withdrawWrites told the host address of a page that becomes code: takes the write tags
     *     for it out of every vCPU's TLBs before it returns
     */
    public CodePages(RamMap ram, int stepLog2, LongConsumer withdrawWrites) {
        this.stepLog2 = stepLog2;
        pageSteps = 1 << (RamMap.PAGE_LOG2 - stepLog2);
        this.ram = ram;
        this.withdrawWrites = withdrawWrites;
        pages = new Page[ram.pages()];
        writable = new boolean[ram.pages()];
        doublings = new byte[ram.pages()];
        ram.memory().onWatchedWrite(this);
    }

    /** One page that holds code. */
    private static final class Page {
        final @Nullable CodeBlock[][] groups;
        final long[] decoded;
        int blocks;
        int storesBeside;

        Page(int steps) {
            groups = new CodeBlock[steps >> GROUP_LOG2][];
            decoded = new long[steps >> GROUP_LOG2];
        }
    }

    /** The block that begins at {@code gpa}, if it is there. */
    @SuppressWarnings("unchecked") // add() stores nothing else
    public synchronized @Nullable B find(long gpa) {
        int index = ram.pageIndex(gpa);
        Page page = index < 0 ? null : pages[index];
        if (page == null) {
            return null;
        }
        int step = step(gpa);
        @Nullable CodeBlock[] group = page.groups[step >> GROUP_LOG2];
        return group == null ? null : (B) group[step & (GROUP - 1)];
    }

    /** Whether stores to the page of RAM that holds {@code gpa} must come to {@link #stored}. */
    public boolean holdsCode(long gpa) {
        int index = ram.pageIndex(gpa);
        return index >= 0 && pages[index] != null;
    }

    /** A vCPU is about to get a write tag for this page of RAM. */
    public void noteWritable(long gpa) {
        writable[ram.pageIndex(gpa)] = true;
    }

    /**
     * Begins to watch a page of RAM; its words may be read afterwards.
     *
     * @return a token for {@link #add}
     */
    public Object watch(long gpa) {
        int index = ram.pageIndex(gpa);
        Page page;
        boolean withdraw = false;
        synchronized (this) {
            page = pages[index];
            if (page == null) {
                page = new Page(pageSteps);
                pages[index] = page;
                setWatched(gpa, true);
                withdraw = writable[index];
                writable[index] = false;
            }
        }
        if (withdraw) {
            withdrawWrites.accept(ram.hostAddress(gpa & SoftTlb.PAGE_MASK));
        }
        return page;
    }

    /**
     * Adds a block whose words were read after {@link #watch} returned {@code token}.
     *
     * @return false if the page was written since: decode again
     */
    public synchronized boolean add(B block, Object token) {
        int index = ram.pageIndex(block.gpa());
        Page page = pages[index];
        if (page == null || page != token) {
            return false;
        }
        if (count >= MAX_BLOCKS) {
            for (int i = 0; i < pages.length; i++) {
                if (i != index) {
                    drop(i, false);
                }
            }
        }
        int step = step(block.gpa());
        @Nullable CodeBlock[] group = page.groups[step >> GROUP_LOG2];
        if (group == null) {
            group = new CodeBlock[GROUP];
            page.groups[step >> GROUP_LOG2] = group;
        }
        group[step & (GROUP - 1)] = block;
        int last = step(block.gpa() + block.sizeBytes() - 1);
        for (int i = step; i <= last; i++) {
            page.decoded[i >> GROUP_LOG2] |= 1L << (i & (GROUP - 1));
        }
        page.blocks++;
        count++;
        return true;
    }

    /** A vCPU has stored to a page that holds code; the bytes are in memory already. */
    public synchronized void stored(long gpa, int sizeBytes) {
        int index = ram.pageIndex(gpa);
        Page page = index < 0 ? null : pages[index];
        if (page == null) {
            return;
        }
        int last = step(gpa + sizeBytes - 1);
        for (int step = step(gpa); step <= last; step++) {
            if ((page.decoded[step >> GROUP_LOG2] >>> (step & (GROUP - 1)) & 1) != 0) {
                drop(index, true);
                return;
            }
        }
        if (++page.storesBeside > FIRST_PATIENCE << doublings[index]) {
            drop(index, true);
        }
    }

    @Override
    public synchronized void pageWritten(long pageGpa) {
        int index = ram.pageIndex(pageGpa);
        if (index >= 0) {
            drop(index, false);
        }
    }

    /** Drops all blocks: after a reset of the machine, whose RAM the host has written. */
    public synchronized void dropAll() {
        for (int i = 0; i < pages.length; i++) {
            drop(i, false);
        }
    }

    /** Number of blocks held. */
    public synchronized int blocks() {
        return count;
    }

    private void drop(int index, boolean ownStore) {
        Page page = pages[index];
        if (page == null) {
            return;
        }
        pages[index] = null;
        count -= page.blocks;
        if (ownStore && doublings[index] < MAX_DOUBLINGS) {
            doublings[index]++;
        }
        for (@Nullable CodeBlock[] group : page.groups) {
            if (group != null) {
                for (CodeBlock block : group) {
                    if (block != null) {
                        block.kill();
                    }
                }
            }
        }
        setWatched(ram.gpaOfPage(index), false);
    }

    private void setWatched(long gpa, boolean on) {
        try {
            if (on) {
                ram.memory().watchPage(gpa);
            } else {
                ram.memory().unwatchPage(gpa);
            }
        } catch (GuestAccessException e) {
            throw new IllegalStateException("a page of RAM is not RAM", e);
        }
    }

    private int step(long gpa) {
        return (int) (gpa >>> stepLog2) & (pageSteps - 1);
    }
}
