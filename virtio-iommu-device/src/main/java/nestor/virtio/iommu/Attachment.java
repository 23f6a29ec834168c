package nestor.virtio.iommu;

import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.Set;
import nestor.iommu.walk.WalkReport;
import nestor.pci.Requester;
import org.jspecify.annotations.Nullable;

/**
 * The domains that one endpoint is attached to: one for the endpoint, and with tables of a single
 * PASID each, further ones by PASID. Immutable, so that any thread may look up.
 */
final class Attachment {
    /** PASIDs of one endpoint that have a domain of their own, at most. */
    static final int MAX_PASIDS = 4096;

    static final Attachment NONE = new Attachment(null, new int[0], new Domain[0]);

    private final @Nullable Domain own;

    /** Ascending. */
    private final int[] pasids;

    private final Domain[] spaces;

    private Attachment(@Nullable Domain own, int[] pasids, Domain[] spaces) {
        this.own = own;
        this.pasids = pasids;
        this.spaces = spaces;
    }

    /** The domain that translates requests of {@code pasid}; null if none does. */
    @Nullable Domain translating(int pasid) {
        if (pasid == Requester.NO_PASID
                || own instanceof TableDomain table && table.hasAllPasids()) {
            return own;
        }
        return at(pasid);
    }

    /** The domain attached at exactly {@code pasid}. */
    @Nullable Domain at(int pasid) {
        if (pasid == Requester.NO_PASID) {
            return own;
        }
        int index = Arrays.binarySearch(pasids, pasid);
        return index < 0 ? null : spaces[index];
    }

    /**
     * Whether translated requests come from tables. Those of a PASID need not carry it (PCIe Base
     * §6.20).
     */
    boolean admitsTranslated(int pasid) {
        return translating(pasid) instanceof TableDomain
                || pasid == Requester.NO_PASID && pasids.length > 0;
    }

    /** The last PASID from {@code pasid}, which has no domain of its own, on that has none. */
    int lastWithout(int pasid) {
        int next = -Arrays.binarySearch(pasids, pasid) - 1;
        return next < pasids.length ? pasids[next] - 1 : WalkReport.MAX_PASID;
    }

    /** PASIDs with a domain of their own. */
    int pasids() {
        return pasids.length;
    }

    boolean isEmpty() {
        return own == null && pasids.length == 0;
    }

    /** Every domain. */
    Set<Domain> domains() {
        Set<Domain> all = new LinkedHashSet<>(Arrays.asList(spaces));
        if (own != null) {
            all.add(own);
        }
        return all;
    }

    /** This with {@code domain} at {@code pasid}, or with none there. */
    Attachment with(int pasid, @Nullable Domain domain) {
        if (pasid == Requester.NO_PASID) {
            return new Attachment(domain, pasids, spaces);
        }
        int index = Arrays.binarySearch(pasids, pasid);
        int from = index < 0 ? -index - 1 : index;
        int rest = index < 0 ? from : from + 1;
        int added = domain == null ? 0 : 1;
        int tail = pasids.length - rest;
        int[] newPasids = Arrays.copyOf(pasids, from + added + tail);
        Domain[] newSpaces = Arrays.copyOf(spaces, from + added + tail);
        System.arraycopy(pasids, rest, newPasids, from + added, tail);
        System.arraycopy(spaces, rest, newSpaces, from + added, tail);
        if (domain != null) {
            newPasids[from] = pasid;
            newSpaces[from] = domain;
        }
        return new Attachment(own, newPasids, newSpaces);
    }
}
