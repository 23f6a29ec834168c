package nestor.vtd.config;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import nestor.iommu.Tags;
import nestor.vmm.register.BitField;

/**
 * How IOTLB tags are packed (§6.2.4): second-stage mappings by domain; first-stage and nested ones
 * by domain and PASID, and by the privilege that their permissions are for.
 */
public final class TlbTag {
    private static final BitField PASID = bits(19, 0);
    private static final BitField DID = bits(35, 20);
    private static final BitField KIND = bits(37, 36);
    private static final BitField PRIVILEGED = bit(38);

    private static final int SECOND_STAGE = 0;
    private static final int FIRST_STAGE = 1;
    private static final int NESTED = 2;

    private TlbTag() {}

    static long secondStage(int did) {
        return tag(SECOND_STAGE, did, 0);
    }

    static long firstStage(int did, int pasid) {
        return tag(FIRST_STAGE, did, pasid);
    }

    static long nested(int did, int pasid) {
        return tag(NESTED, did, pasid);
    }

    private static long tag(int kind, int did, int pasid) {
        return PASID.set(DID.set(KIND.set(0, kind), did), pasid);
    }

    /** The tag of privileged requests. */
    public static long privileged(long tag) {
        return tag | PRIVILEGED.mask();
    }

    /** The mappings of {@code tag}, which is not privileged, and of its privileged twin. */
    public static Tags anyPrivilege(long tag) {
        return new Tags(tag, ~PRIVILEGED.mask());
    }

    /** Everything of a domain. */
    public static Tags ofDomain(int did) {
        return new Tags(DID.set(0, did), DID.mask());
    }

    /** The second-stage mappings of a domain. */
    public static Tags secondStageOf(int did) {
        return new Tags(secondStage(did), DID.mask() | KIND.mask());
    }

    /** The nested mappings of a domain, whose second-stage addresses are not kept. */
    public static Tags nestedOf(int did) {
        return new Tags(nested(did, 0), DID.mask() | KIND.mask());
    }

    /** First-stage mappings of a PASID in a domain. */
    public static Tags firstStageOf(int did, int pasid) {
        return new Tags(firstStage(did, pasid), PASID.mask() | DID.mask() | KIND.mask());
    }

    /** Nested mappings of a PASID in a domain. */
    public static Tags nestedOf(int did, int pasid) {
        return new Tags(nested(did, pasid), PASID.mask() | DID.mask() | KIND.mask());
    }
}
