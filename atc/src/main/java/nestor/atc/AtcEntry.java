package nestor.atc;

import nestor.pci.AtsEntry;

/**
 * One cached translation: what a Translation Completion said about a naturally aligned range (PCIe
 * Base §10.2.3).
 *
 * @param pasid whom it was requested for; {@link nestor.pci.Requester#NO_PASID} is a space of its
 *     own
 * @param privileged Privileged Mode of the request: the entry serves no other mode
 * @param iovaBase first untranslated address, aligned to the size
 * @param sizeLog2 log2 of the range in bytes, 12..63
 * @param translation the completion's entry: translated address, permissions, U, N and Global
 */
public record AtcEntry(
        int pasid, boolean privileged, long iovaBase, int sizeLog2, AtsEntry translation) {
    /** The translated address of {@code iova}, which must lie in the range. */
    public long translate(long iova) {
        return translation.address() + (iova - iovaBase);
    }

    /** Bytes from {@code iova} to the end of the range, at least 1. */
    public long bytesFrom(long iova) {
        return (1L << sizeLog2) - (iova - iovaBase);
    }

    /** Whether the range must be accessed with Untranslated requests. */
    public boolean untranslatedOnly() {
        return AtsEntry.UNTRANSLATED_ONLY.isSet(translation.value());
    }
}
