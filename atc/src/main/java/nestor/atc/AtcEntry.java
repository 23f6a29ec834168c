package nestor.atc;

import nestor.pci.AtsEntry;
import nestor.pci.Requester;

/**
 * One cached translation: what a Translation Completion said about a naturally aligned range (PCIe
 * Base §10.2.3).
 *
 * @param pasid whom it was requested for; {@link Requester#NO_PASID} is a space of its own
 * @param privileged Privileged Mode of the request: the entry serves no other mode
 * @param iovaBase first untranslated address, aligned to the size
 * @param sizeLog2 log2 of the range in bytes, 12..64, as {@code translation} says
 * @param translation the completion's entry: translated address, permissions, U, N and Global
 */
public record AtcEntry(
        int pasid, boolean privileged, long iovaBase, int sizeLog2, AtsEntry translation) {
    public AtcEntry {
        if (sizeLog2 != translation.sizeLog2() || base(iovaBase, sizeLog2) != iovaBase) {
            throw new IllegalArgumentException(
                    "0x%x, 2^%d bytes is no range of the translation 0x%x"
                            .formatted(iovaBase, sizeLog2, translation.value()));
        }
    }

    /** Start of the aligned block of {@code 2^sizeLog2} bytes that holds {@code iova}. */
    static long base(long iova, int sizeLog2) {
        return sizeLog2 >= Long.SIZE ? 0 : iova & -1L << sizeLog2;
    }

    /** Whether {@code iova} lies in the range. */
    public boolean contains(long iova) {
        return base(iova, sizeLog2) == iovaBase;
    }

    /** Whether the range shares an address with the aligned block of {@code 2^log2} bytes. */
    boolean overlaps(long blockBase, int log2) {
        int wider = Math.max(sizeLog2, log2);
        return base(iovaBase, wider) == base(blockBase, wider);
    }

    /** The translated address of {@code iova}, which must lie in the range. */
    public long translate(long iova) {
        return translation.address() + (iova - iovaBase);
    }

    /** Bytes from {@code iova} to the end of the range, at least 1; Long.MAX_VALUE if more. */
    public long bytesFrom(long iova) {
        if (sizeLog2 >= Long.SIZE - 1) {
            return Long.MAX_VALUE;
        }
        return (1L << sizeLog2) - (iova - iovaBase);
    }

    /** Whether all of {@code access} is permitted, to the mode the entry was requested for. */
    public boolean permits(int access) {
        return (translation.access() & access) == access;
    }

    /** Whether the range must be accessed with Untranslated requests. */
    public boolean untranslatedOnly() {
        return AtsEntry.UNTRANSLATED_ONLY.isSet(translation.value());
    }

    /**
     * Whether the entry serves every PASID of the function. Global says nothing without a PASID:
     * such requests are a space of their own.
     */
    public boolean global() {
        return pasid != Requester.NO_PASID && AtsEntry.GLOBAL.isSet(translation.value());
    }

    /**
     * Whether accesses may rest on this: some permission is given, for the mode that was asked for
     * (Priv echoes the request, §10.2.3.6).
     */
    public boolean usable() {
        return translation.access() != 0
                && AtsEntry.PRIVILEGED.isSet(translation.value()) == privileged;
    }

    /** Whether an access in this space, of this mode, is the entry's to answer. */
    boolean serves(int requestPasid, boolean privilegedMode) {
        return privileged == privilegedMode
                && (pasid == requestPasid || requestPasid != Requester.NO_PASID && global());
    }

    /** Whether both could answer one access, in the addresses they share. */
    boolean competes(AtcEntry other) {
        return serves(other.pasid, other.privileged) || other.serves(pasid, privileged);
    }
}
