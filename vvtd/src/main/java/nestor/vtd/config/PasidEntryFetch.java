package nestor.vtd.config;

import nestor.iommu.format.PasidEntry;
import nestor.vmm.memory.Doublewords;
import nestor.vmm.memory.GuestAccessException;

/** How the words of a PASID-table entry (§9.6) are read. Any thread. */
@FunctionalInterface
public interface PasidEntryFetch {
    /** One after the other, once each. */
    PasidEntryFetch IN_ORDER = (memory, _, gpa) -> PasidEntry.words(memory, gpa);

    /**
     * Reads the entry at {@code gpa}.
     *
     * @param rid whose table it is in
     */
    long[] words(Doublewords memory, int rid, long gpa) throws GuestAccessException;
}
