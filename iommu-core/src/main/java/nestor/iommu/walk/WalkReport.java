package nestor.iommu.walk;

import java.util.ArrayList;
import java.util.List;
import nestor.pci.Requester;

/**
 * One explored walk.
 *
 * @param model {@code smmuv3}, {@code vtd} or {@code virtio-iommu}
 * @param access what was asked, in the bits of {@link nestor.pci.Translation}
 * @param structures from the stream, root or domain to where tables begin
 * @param stage1 descriptors of the first stage, each with its own walk of the second
 * @param stage2 descriptors of the second stage for the final address
 * @param extent what else the same structures and descriptors are for
 * @param cached what caches hold for the address, stale or not
 */
public record WalkReport(
        String model,
        Requester requester,
        long iova,
        int access,
        List<WalkStep> structures,
        List<WalkStep> stage1,
        List<WalkStep> stage2,
        WalkOutcome outcome,
        Extent extent,
        List<CachedTranslation> cached) {
    /** The largest PASID. */
    public static final int MAX_PASID = (1 << 20) - 1;

    /**
     * How far a walk's structures and descriptors reach: at least as far as this, with the address
     * and the PASID that were asked for. Between, outputs run along with addresses.
     *
     * @param lastIova unsigned, inclusive
     * @param lastPasid inclusive; without meaning for a request without PASID
     * @param ownEntry whether the last of the structures is the PASID's own entry
     */
    public record Extent(long lastIova, int lastPasid, boolean ownEntry) {}

    public WalkReport {
        structures = List.copyOf(structures);
        stage1 = List.copyOf(stage1);
        stage2 = List.copyOf(stage2);
        cached = List.copyOf(cached);
    }

    /** This, with what further caches hold. */
    public WalkReport with(List<CachedTranslation> more) {
        List<CachedTranslation> all = new ArrayList<>(cached);
        all.addAll(more);
        return new WalkReport(
                model, requester, iova, access, structures, stage1, stage2, outcome, extent, all);
    }
}
