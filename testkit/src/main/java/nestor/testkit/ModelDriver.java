package nestor.testkit;

import java.util.Optional;
import nestor.iommu.oracle.TranslationCache;
import nestor.pci.PageResponse;
import nestor.pci.TranslationAgent;

/**
 * The driver of an IOMMU model as {@link ModelScenarios} see it: one function with ATS and PRI,
 * whose PASIDs each have an address space of 4 KiB pages. Whatever it does, it does through
 * registers, queues and tables, as the model's architecture has it.
 */
public interface ModelDriver {
    /**
     * A fault that the model recorded.
     *
     * @param pasid or {@link nestor.pci.Requester#NO_PASID}
     * @param page address of the page, if the architecture reports one for this kind of fault
     */
    record Fault(Kind kind, int rid, int pasid, long page) {
        /** What every architecture tells apart. */
        public enum Kind {
            /** The PASID has no address space. */
            NO_CONTEXT,
            /** Nothing is mapped there. */
            NOT_MAPPED,
            /** What is mapped there does not allow the access. */
            NOT_PERMITTED
        }
    }

    /** A page request as the driver finds it in its queue. */
    record QueuedRequest(int rid, int pasid, long page, int prgIndex, boolean last) {}

    /** The model, as the bus knows it. */
    TranslationAgent agent();

    /** Requester ID of the function. */
    int rid();

    /** Gives {@code pasid}, 1..15, an empty address space. */
    void bind(int pasid);

    /** Takes the address space away; nothing is invalidated yet. */
    void clear(int pasid);

    /** Maps a page that is not mapped. */
    void map(int pasid, long page, long gpa, boolean writable);

    /** Unmaps a page; nothing is invalidated yet. */
    void unmap(int pasid, long page);

    /**
     * Submits the invalidation of a page in the IOTLB and in the function, and a sync behind it.
     */
    void invalidate(int pasid, long page);

    /**
     * Submits the invalidation of a page in one cache, and a sync behind it: a driver's mistake.
     */
    void invalidateOnly(TranslationCache cache, int pasid, long page);

    /** Submits the invalidation of everything of {@code pasid}, and a sync behind it. */
    void invalidateContext(int pasid);

    /** Whether the last sync has completed. */
    boolean isSynchronized();

    /** Whether the model reported that a function did not answer in time. */
    boolean hasTimedOut();

    /** The function acknowledges every invalidation that it was sent. */
    void acknowledge();

    /** Time passes. */
    void advance(long nanos);

    /** Lets the model do what is left to do after a DMA ended. */
    void settle();

    /** Takes the oldest fault. */
    Optional<Fault> takeFault();

    /** Takes the oldest page request. */
    Optional<QueuedRequest> takePageRequest();

    /** Answers a group. */
    void respond(QueuedRequest last, int code);

    /** The last response that the function was sent. */
    Optional<PageResponse> response();
}
