package nestor.pci;

/**
 * A Translation Request (PCIe Base §10.2.2): a memory read with AT = 01b.
 *
 * @param requester RID, PASID and Privileged Mode Requested
 * @param address the first untranslated address; bits [11:0] do not count
 * @param translations how many translations of {@link #smallestUnitLog2} are asked for, 1..512
 * @param smallestUnitLog2 log2 of the function's Smallest Translation Unit in bytes, 12..43
 * @param noWrite NW: the requester does not intend to write, so nothing need become dirty
 * @param execute Execute Requested, in the PASID prefix
 */
public record AtsRequest(
        Requester requester,
        long address,
        int translations,
        int smallestUnitLog2,
        boolean noWrite,
        boolean execute) {
    /** Length is at most 1024 DW, two for each translation. */
    public static final int MAX_TRANSLATIONS = 512;

    public AtsRequest {
        if (translations < 1 || translations > MAX_TRANSLATIONS) {
            throw new IllegalArgumentException("no request of " + translations + " translations");
        }
        if (smallestUnitLog2 < 12 || smallestUnitLog2 > 43) {
            throw new IllegalArgumentException("no such translation unit: 2^" + smallestUnitLog2);
        }
    }
}
