package nestor.vtd.config;

import nestor.iommu.format.PasidEntry;
import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.memory.GuestMemory;

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
    long[] words(GuestMemory memory, int rid, long gpa) throws GuestAccessException;
}
