package nestor.vmm.memory;

/**
 * Hears of writes to watched pages (see {@link GuestMemory#watchPage}): the software CPU's block
 * cache drops what it decoded from the page.
 */
@FunctionalInterface
public interface PageWriteListener {
    /**
     * A watched page was written through {@link GuestMemory}; the write is already visible.
     *
     * @param pageGpa the page's guest-physical base, 4 KiB aligned
     */
    void pageWritten(long pageGpa);
}
