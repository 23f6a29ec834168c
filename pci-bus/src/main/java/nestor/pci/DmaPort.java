package nestor.pci;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * What an endpoint holds to reach memory: its function's bus mastering is checked here, then the
 * request is routed to the IOMMU of its Requester ID, then to RAM, a peer's BAR or an MSI doorbell.
 *
 * <p>An access of 1, 2, 4 or 8 bytes, naturally aligned, that ends in RAM is single-copy atomic; it
 * acquires on read and releases on write. A failing access moves no byte of the failing block and
 * none after it; blocks before it have moved. Any thread; no device lock may be held.
 */
public interface DmaPort {
    /** Reads {@code dst.byteSize()} bytes at {@code iova} into {@code dst}. */
    CompletionStatus read(Requester requester, long iova, MemorySegment dst);

    /** Writes all of {@code src} at {@code iova}. */
    CompletionStatus write(Requester requester, long iova, MemorySegment src);

    /**
     * As {@link #read}, with AT = Translated (PCIe Base §10.2.4): {@code address} comes from a live
     * translation. UR unless ATS is enabled and the agent lets this function send such requests.
     */
    CompletionStatus readTranslated(Requester requester, long address, MemorySegment dst);

    /** As {@link #write}, with AT = Translated; see {@link #readTranslated}. */
    CompletionStatus writeTranslated(Requester requester, long address, MemorySegment src);

    /**
     * As {@link #read(Requester, long, MemorySegment)}, of a function that can wait. Blocks before
     * the one that stalled have moved, and move again when the request is sent again.
     *
     * @return null if the request is stalled; {@code waiting} is then told how it goes on
     */
    default @Nullable CompletionStatus read(
            Requester requester, long iova, MemorySegment dst, StalledTransaction waiting) {
        return read(requester, iova, dst);
    }

    /** As {@link #read(Requester, long, MemorySegment, StalledTransaction)}, for a write. */
    default @Nullable CompletionStatus write(
            Requester requester, long iova, MemorySegment src, StalledTransaction waiting) {
        return write(requester, iova, src);
    }
}
