package nestor.vtd.event;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import nestor.pci.PageRequest;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.vmm.register.BitField;

/**
 * A page request descriptor (§7.5.1.1): two quadwords, and two of private data, which is not 0
 * exactly if it is present.
 */
public record PageRequestDescriptor(long qw0, long qw1, long privateData) {
    /** Size of a descriptor. */
    public static final int BYTES = 32;

    private static final BitField TYPE = bits(7, 0);
    private static final BitField PASID_PRESENT = bit(8);
    private static final BitField PRIVATE_DATA_PRESENT = bit(9);
    private static final BitField RID = bits(31, 16);
    private static final BitField PASID = bits(51, 32);
    private static final BitField EXR = bit(52);
    private static final BitField PMR = bit(53);

    private static final BitField R = bit(0);
    private static final BitField W = bit(1);
    private static final BitField LPIG = bit(2);
    private static final BitField PRG_INDEX = bits(11, 3);
    private static final BitField ADDRESS = bits(63, 12);

    private static final int PAGE_REQUEST = 1;

    /** What the endpoint sent; a stop marker is a descriptor too. */
    public static PageRequestDescriptor of(PageRequest request, long privateData) {
        Requester requester = request.requester();
        long qw0 = RID.set(TYPE.set(0, PAGE_REQUEST), requester.rid());
        if (requester.hasPasid()) {
            qw0 = PASID.set(qw0, requester.pasid()) | PASID_PRESENT.mask();
            qw0 |= (request.access() & Translation.EXECUTE) != 0 ? EXR.mask() : 0;
            qw0 |= requester.privileged() ? PMR.mask() : 0;
        }
        qw0 |= privateData != 0 ? PRIVATE_DATA_PRESENT.mask() : 0;
        long qw1 = PRG_INDEX.set(ADDRESS.getInPlace(request.iova()), request.prgIndex());
        qw1 |= (request.access() & Translation.READ) != 0 ? R.mask() : 0;
        qw1 |= (request.access() & Translation.WRITE) != 0 ? W.mask() : 0;
        qw1 |= request.last() ? LPIG.mask() : 0;
        return new PageRequestDescriptor(qw0, qw1, privateData);
    }
}
