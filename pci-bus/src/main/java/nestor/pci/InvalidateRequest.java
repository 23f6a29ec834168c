package nestor.pci;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import nestor.vmm.register.BitField;

/**
 * An Invalidate Request (PCIe Base §10.3.1), from a translation agent to one function.
 *
 * @param rid of the function
 * @param pasid of the PASID prefix, or {@link Requester#NO_PASID}: entries of every PASID
 * @param itag 0..31, which the completion names
 * @param global Global Invalidate: every PASID; ignored by a function that does not advertise it
 * @param iova first untranslated address, aligned to the size
 * @param sizeLog2 log2 of the range in bytes, 12..64
 */
public record InvalidateRequest(
        int rid, int pasid, int itag, boolean global, long iova, int sizeLog2) {
    /** ITags of one requester: five bits. */
    public static final int ITAGS = 32;

    private static final int MESSAGE_CODE = 0x01;

    private static final BitField GLOBAL_INVALIDATE = bit(0);
    private static final BitField REQUESTER_ID = bits(31, 16);
    private static final BitField ITAG = bits(12, 8);
    private static final BitField CODE = bits(7, 0);
    private static final BitField DESTINATION_ID = bits(31, 16);

    public InvalidateRequest {
        if (itag < 0 || itag >= ITAGS) {
            throw new IllegalArgumentException("no such ITag: " + itag);
        }
        RangeCode.encode(iova, sizeLog2);
    }

    /** From the message's payload; total. */
    public static InvalidateRequest decode(int rid, int pasid, int itag, long payload) {
        int sizeLog2 = RangeCode.sizeLog2(payload);
        long page = payload & -1L << 12;
        return new InvalidateRequest(
                rid,
                pasid,
                itag,
                GLOBAL_INVALIDATE.isSet(payload),
                RangeCode.base(page, sizeLog2),
                sizeLog2);
    }

    /** The message's 8-byte payload. */
    public long payload() {
        return RangeCode.encode(iova, sizeLog2) | (global ? GLOBAL_INVALIDATE.mask() : 0);
    }

    /** The same as a function sees it that does not advertise Global Invalidate. */
    InvalidateRequest withoutGlobal() {
        return global ? new InvalidateRequest(rid, pasid, itag, false, iova, sizeLog2) : this;
    }

    /**
     * The translation agent's Requester ID, ITag and Message Code.
     *
     * @param agentRid which the completion is sent to
     */
    public int headerDw1(int agentRid) {
        return (int) CODE.set(ITAG.set(REQUESTER_ID.set(0, agentRid), itag), MESSAGE_CODE);
    }

    /** The destination. */
    public int headerDw2() {
        return (int) DESTINATION_ID.set(0, rid);
    }

    /** The ITag of header dword 1. */
    public static int itag(int headerDw1) {
        return ITAG.getInt(headerDw1);
    }

    public boolean hasPasid() {
        return pasid != Requester.NO_PASID;
    }

    /**
     * Whether the block of {@code blockLog2} bytes at {@code blockBase} shares an address with the
     * range.
     */
    public boolean overlaps(long blockBase, int blockLog2) {
        int wider = Math.max(sizeLog2, blockLog2);
        return RangeCode.base(iova, wider) == RangeCode.base(blockBase, wider);
    }
}
