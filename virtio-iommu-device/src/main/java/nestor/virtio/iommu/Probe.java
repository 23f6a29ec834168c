package nestor.virtio.iommu;

import java.util.function.LongPredicate;
import nestor.iommu.oracle.CurrentTranslation;
import nestor.iommu.oracle.CurrentTranslation.SpaceTags;
import nestor.iommu.oracle.TranslationCache;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.virtio.iommu.table.SpaceTag;

/**
 * Where mappings or tables lead an address now: as {@link VirtioIommu} finds it on a miss of every
 * cache, and without its effects. Any thread.
 *
 * <p>{@link VirtioIommuExplorer} cannot stand for it: the oracle asks again and again about every
 * translation that a cache holds, by tag, and must not pay for a list of steps.
 */
final class Probe {
    private static final CurrentTranslation NOT_USED = new CurrentTranslation.NotUsed();

    private final AddressSpaces spaces;
    private final LongPredicate isMessage;

    /**
     * @param isMessage whether a write without PASID there is an interrupt
     */
    Probe(AddressSpaces spaces, LongPredicate isMessage) {
        this.spaces = spaces;
        this.isMessage = isMessage;
    }

    CurrentTranslation current(TranslationCache cache, Requester requester, long iova, int access) {
        int rid = requester.rid();
        int pasid = requester.pasid();
        boolean atc = cache == TranslationCache.ATC;
        // Translated requests of a PASID need not carry it.
        if (atc
                && !spaces.attachment(rid).admitsTranslated(Requester.NO_PASID)
                && !spaces.attachment(rid).admitsTranslated(pasid)) {
            return NOT_USED;
        }
        return switch (spaces.of(rid, pasid)) {
            case null ->
                    atc
                            ? new CurrentTranslation.Refused(
                                    new SpaceTags(-1, -1), "attached to no domain")
                            : NOT_USED;
            case TableDomain domain -> domain.space().current(cache, requester, iova, access);
            case MappedDomain domain ->
                    requester.hasPasid() || domain.isBypass() || isMessage.test(iova)
                            ? NOT_USED
                            : current(domain, iova, access);
        };
    }

    private static CurrentTranslation current(MappedDomain domain, long iova, int access) {
        long tag = SpaceTag.ofDomain(domain.serial());
        var tags = new SpaceTags(tag, tag);
        Translation.Mapping mapping = domain.current(iova);
        return mapping != null && VirtioIommu.allows(mapping, access)
                ? new CurrentTranslation.Mapped(tags, tag, mapping)
                : new CurrentTranslation.Refused(tags, "MAPPING");
    }
}
