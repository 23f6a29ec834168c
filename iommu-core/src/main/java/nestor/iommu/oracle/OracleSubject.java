package nestor.iommu.oracle;

import nestor.pci.Requester;
import nestor.pci.TranslationAgent;

/** An IOMMU model that the oracle can watch. */
public interface OracleSubject extends TranslationAgent {
    /**
     * The commands of the model's specification, for people.
     *
     * @param iotlb that invalidate the IOTLB, {@code CMD_TLBI_*}
     * @param atc that invalidate an ATC, {@code CMD_ATC_INV}
     * @param configuration that invalidate what configuration structures said, {@code CMD_CFGI_*}
     * @param completion whose completion says that those before it are complete, {@code CMD_SYNC}
     */
    record CommandNames(String iotlb, String atc, String configuration, String completion) {}

    CommandNames commandNames();

    /**
     * Where configuration structures and tables lead an address now. Reads guest memory only: it
     * leaves no accessed bit, records no fault, fills no cache and uses none. Any thread.
     *
     * @param cache whose entry is in question: with split-stage ATS an ATC holds IPAs
     * @param access {@link nestor.pci.Translation#READ} … or'ed, all needed
     */
    CurrentTranslation current(TranslationCache cache, Requester requester, long iova, int access);

    /** Who is told of commands from now on; before the machine runs. */
    void observe(CommandObserver observer);
}
