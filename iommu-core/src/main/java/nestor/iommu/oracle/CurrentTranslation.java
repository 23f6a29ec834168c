package nestor.iommu.oracle;

import nestor.pci.Translation;

/** What a guest's tables say of an address now. */
public sealed interface CurrentTranslation {
    /**
     * The tags under which the IOTLB is asked for an address.
     *
     * @param own of the address space
     * @param global of entries that serve every address space; {@code own} if there are none
     */
    record SpaceTags(long own, long global) {
        boolean hold(long tag) {
            return tag == own || tag == global;
        }
    }

    /**
     * Mapped, with the access that was asked for.
     *
     * @param tag under which the IOTLB keeps it
     * @param mapping of a block that holds the address; its permissions may be incomplete
     */
    record Mapped(SpaceTags tags, long tag, Translation.Mapping mapping)
            implements CurrentTranslation {}

    /**
     * Not mapped, or not with this access.
     *
     * @param reason in the specification's words
     */
    record Refused(SpaceTags tags, String reason) implements CurrentTranslation {}

    /**
     * No request could use a cached translation: the IOMMU is off, or the configuration lets the
     * request nowhere near a table.
     */
    record NotUsed() implements CurrentTranslation {}
}
