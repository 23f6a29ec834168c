package nestor.virtio.iommu.table;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import nestor.iommu.Tags;
import nestor.vmm.register.BitField;

/**
 * How IOTLB tags are packed: the domain, by a serial number that no other domain has; in a domain
 * with tables also PASID and ASID, whether the mapping is global, and for which privilege its
 * permissions are. Requests without PASID have PASID 0 here, which then nobody else has.
 */
public final class SpaceTag {
    private static final BitField ASID = bits(15, 0);
    private static final BitField PASID = bits(35, 16);
    private static final BitField GLOBAL = bit(36);
    private static final BitField PRIVILEGED = bit(37);
    private static final BitField SERIAL = bits(63, 38);

    /** Serial numbers there are: after so many domains they come round. */
    public static final int SERIALS = 1 << 26;

    private SpaceTag() {}

    /** The one tag of a domain without tables. */
    public static long ofDomain(int serial) {
        return SERIAL.set(0, serial);
    }

    static long of(int serial, int pasid, int asid) {
        return ASID.set(PASID.set(ofDomain(serial), pasid), asid);
    }

    static long privileged(long tag) {
        return PRIVILEGED.setAll(tag);
    }

    static long global(long tag) {
        return GLOBAL.setAll(tag);
    }

    static Tags allOf(int serial) {
        return new Tags(ofDomain(serial), SERIAL.mask());
    }

    static Tags ofPasid(int serial, int pasid) {
        return new Tags(of(serial, pasid, 0), SERIAL.mask() | PASID.mask());
    }

    static Tags ofAsid(int serial, int asid) {
        return new Tags(of(serial, 0, asid), SERIAL.mask() | ASID.mask());
    }

    static Tags globalOf(int serial) {
        return new Tags(global(ofDomain(serial)), SERIAL.mask() | GLOBAL.mask());
    }
}
