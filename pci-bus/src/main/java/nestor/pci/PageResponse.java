package nestor.pci;

import static nestor.vmm.register.BitField.bits;

import nestor.vmm.register.BitField;

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

    private static final BitField DESTINATION_ID = bits(31, 16);
    private static final BitField CODE = bits(15, 12);
    private static final BitField PRG_INDEX = bits(8, 0);

    public PageResponse {
        if (prgIndex < 0 || prgIndex >= PageRequest.PRG_INDICES || code < 0 || code > 15) {
            throw new IllegalArgumentException("no PRG response: " + prgIndex + ", " + code);
        }
    }

    /** From the PASID prefix's PASID, if there is one, and header dword 2; total. */
    public static PageResponse decode(int pasid, int dw2) {
        long word = Integer.toUnsignedLong(dw2);
        return new PageResponse(
                DESTINATION_ID.getInt(word), pasid, PRG_INDEX.getInt(word), CODE.getInt(word));
    }

    /** Destination, Response Code and PRG index (header DW2). */
    public int headerDw2() {
        return (int) PRG_INDEX.set(CODE.set(DESTINATION_ID.set(0, rid), code), prgIndex);
    }
}
