package nestor.pci;

/**
 * What an IOMMU is to the bus: the Translation Agent of PCIe Base chapter 10. Faults are not in
 * this vocabulary: the IOMMU records them in its own architecture's way, and the bus sees a PCIe
 * completion status.
 *
 * <p>Every method may be called concurrently by every thread that does DMA, with no device lock
 * held, and never throws. {@link #translate} takes no lock on a hit and allocates nothing.
 */
public interface TranslationAgent {
    /**
     * Translates one memory request.
     *
     * @param requester RID and PASID of the request
     * @param type {@link AddressType#UNTRANSLATED}, or {@link AddressType#TRANSLATED}: whether this
     *     requester may send translated requests at all is then the question, and the address
     *     passes unchanged or through the stages that ATS left out
     * @param address the address in the request
     * @param access {@link Translation#READ}, {@link Translation#WRITE} … or'ed; all are needed
     * @return the mapping that holds {@code address}, or why there is none
     */
    Translation translate(Requester requester, AddressType type, long address, int access);

    /**
     * Translates one untranslated request of a function that can wait. An agent without a stall
     * model never lets it.
     *
     * @param waiting hears, if the answer is {@link Translation.Stalled}, when to try again
     * @return as above, or {@link Translation.Stalled}
     */
    default Translation translate(
            Requester requester, long address, int access, StalledTransaction waiting) {
        return translate(requester, AddressType.UNTRANSLATED, address, access);
    }

    /**
     * Answers one Translation Request (§10.2.2). A page that is not mapped is a successful
     * completion without permissions, and no fault. An agent without ATS answers UR.
     *
     * @param request from a function whose ATS Enable is set
     * @return its entries, at least one and at most as many as asked for; UR if this function gets
     *     no translations, CA if translating failed
     */
    default AtsCompletion requestTranslation(AtsRequest request) {
        return new AtsCompletion.Failed(CompletionStatus.UNSUPPORTED_REQUEST);
    }

    /**
     * Takes one Page Request or Stop Marker (§10.4). An agent that cannot keep it answers as its
     * own architecture says, by {@link AtsEndpoint#pageResponse}; never with silence.
     *
     * @param request from a function whose PRI Enable is set
     * @return UR if this agent knows no page requests at all, else SC
     */
    default CompletionStatus requestPage(PageRequest request) {
        return CompletionStatus.UNSUPPORTED_REQUEST;
    }

    /**
     * Marks the start of one DMA; an invalidation completes only after every DMA that entered
     * before it has left.
     *
     * @return a ticket for {@link #exitDma}
     */
    long enterDma();

    /** Marks the end of the DMA that got {@code ticket}, after its last byte has moved. */
    void exitDma(long ticket);

    /**
     * ATS of {@code rid} was disabled, or the function was reset: it holds no translations now.
     * Whether it completes invalidations is not this method's business.
     */
    default void atsDisabled(int rid) {}
}
