package nestor.smmuv3.event;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import nestor.pci.PageRequest;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.vmm.register.BitField;

/**
 * A record of the PRI queue (IHI 0070, §8.1): two doublewords.
 *
 * @param dw0 StreamID, SubstreamID, what is asked for
 * @param dw1 PRG index and page address
 */
public record PriRecord(long dw0, long dw1) {
    /** Size of a record. */
    public static final int BYTES = 16;

    private static final BitField STREAM_ID = bits(31, 0);
    private static final BitField SUBSTREAM_ID = bits(51, 32);
    private static final BitField PRIV = bit(58);
    private static final BitField X = bit(59);
    private static final BitField R = bit(60);
    private static final BitField W = bit(61);
    private static final BitField LAST = bit(62);
    private static final BitField SSV = bit(63);
    private static final BitField PRG_INDEX = bits(8, 0);
    private static final BitField ADDRESS = bits(63, 12);

    /** What the endpoint sent, as a record; a stop marker is one too. */
    public static PriRecord of(PageRequest request) {
        Requester requester = request.requester();
        long dw0 = STREAM_ID.set(0, requester.rid());
        int access = request.access();
        dw0 |= (access & Translation.READ) != 0 ? R.mask() : 0;
        dw0 |= (access & Translation.WRITE) != 0 ? W.mask() : 0;
        dw0 |= request.last() ? LAST.mask() : 0;
        if (requester.hasPasid()) {
            dw0 = SUBSTREAM_ID.set(dw0, requester.pasid()) | SSV.mask();
            dw0 |= requester.privileged() ? PRIV.mask() : 0;
            dw0 |= (access & Translation.EXECUTE) != 0 ? X.mask() : 0;
        }
        long dw1 = PRG_INDEX.set(ADDRESS.getInPlace(request.iova()), request.prgIndex());
        return new PriRecord(dw0, dw1);
    }
}
