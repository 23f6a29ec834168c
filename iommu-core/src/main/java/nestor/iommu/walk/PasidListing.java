package nestor.iommu.walk;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import nestor.pci.Requester;
import nestor.pci.Translation;

/**
 * The PASIDs of a function that have an entry of their own: a context descriptor, a PASID-table
 * entry, or tables that a driver attached. An entry whose first doubleword is zero is none. Ends in
 * bounded time whatever the guest has written.
 *
 * @param entries ascending by PASID
 * @param looks how many PASIDs were looked at, of each leaf that is not there only one
 * @param cut the PASID where the listing ended before its time, because it became too long
 */
public record PasidListing(List<Entry> entries, int looks, Optional<Integer> cut) {
    /** PASIDs that are looked at. */
    public static final int MAX_LOOKS = 1 << 15;

    /** Entries that are listed. */
    public static final int MAX_ENTRIES = 256;

    /** One PASID and the entry of it. */
    public record Entry(int pasid, WalkStep entry) {}

    public PasidListing {
        entries = List.copyOf(entries);
    }

    /**
     * Lists the PASIDs of a function.
     *
     * @param first the first PASID that is looked at
     * @param maxLooks {@link #MAX_LOOKS} or less
     */
    public static PasidListing of(WalkExplorer iommu, int rid, int first, int maxLooks) {
        List<Entry> entries = new ArrayList<>();
        int pasid = first;
        int looks = 0;
        for (; pasid <= WalkReport.MAX_PASID; looks++) {
            if (looks == maxLooks || entries.size() == MAX_ENTRIES) {
                return new PasidListing(entries, looks, Optional.of(pasid));
            }
            WalkReport report =
                    iommu.explore(new Requester(rid, pasid, false), 0, Translation.READ);
            if (report.extent().ownEntry()) {
                WalkStep entry = report.structures().getLast();
                if (isThere(entry)) {
                    entries.add(new Entry(pasid, entry));
                }
            }
            pasid = report.extent().lastPasid() + 1;
        }
        return new PasidListing(entries, looks, Optional.empty());
    }

    /** What is in no memory came with a request of the driver's. */
    private static boolean isThere(WalkStep entry) {
        return entry.words().isEmpty()
                ? entry.gpa().isEmpty() && !entry.fields().isEmpty()
                : entry.words().getFirst() != 0;
    }
}
