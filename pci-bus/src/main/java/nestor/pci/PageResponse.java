package nestor.pci;

/**
 * A PRG Response message (PCIe Base §10.4.2): how a Page Request Group ended.
 *
 * @param rid of the function that asked
 * @param pasid of the PASID prefix, or {@link Requester#NO_PASID}
 * @param prgIndex 0..511
 * @param code the Response Code field, 0..15
 */
public record PageResponse(int rid, int pasid, int prgIndex, int code) {
    /** All pages of the group are there; ask for their translations again. */
    public static final int SUCCESS = 0;

    /** At least one page does not exist, or may not be accessed as asked. */
    public static final int INVALID_REQUEST = 1;

    /** The interface failed; it stops until software restarts it. Reserved codes mean the same. */
    public static final int RESPONSE_FAILURE = 15;

    public PageResponse {
        if (prgIndex < 0 || prgIndex >= PageRequest.PRG_INDICES || code < 0 || code > 15) {
            throw new IllegalArgumentException("no PRG response: " + prgIndex + ", " + code);
        }
    }

    /** Destination, Response Code and PRG index (header DW2). */
    public int headerDw2() {
        return rid << 16 | code << 12 | prgIndex;
    }
}
