package nestor.pci;

/**
 * What an IOMMU is to the bus. Faults are not in this vocabulary: the IOMMU records them in its own
 * architecture's way, and the bus sees a PCIe completion status.
 *
 * <p>{@link #translate} is called concurrently by every thread that does DMA; on a hit it takes no
 * lock and allocates nothing.
 */
public interface TranslationAgent {
    /**
     * Translates one Untranslated request.
     *
     * @param requester RID and PASID of the request
     * @param iova the address in the request
     * @param access {@link Translation#READ}, {@link Translation#WRITE} … or'ed; all are needed
     * @return the mapping that holds {@code iova}, or why there is none; never throws
     */
    Translation translate(Requester requester, long iova, int access);

    /**
     * Marks the start of one DMA; an invalidation completes only after every DMA that entered
     * before it has left.
     *
     * @return a ticket for {@link #exitDma}
     */
    long enterDma();

    /** Marks the end of the DMA that got {@code ticket}, after its last byte has moved. */
    void exitDma(long ticket);
}
