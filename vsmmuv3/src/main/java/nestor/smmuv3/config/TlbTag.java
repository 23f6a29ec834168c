package nestor.smmuv3.config;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import nestor.iommu.Tags;
import nestor.vmm.register.BitField;

/**
 * How IOTLB tags are packed (IHI 0070, §3.17): VMID and ASID, whether stage 1 took part, whether
 * the mapping is global, and for which privilege its permissions are.
 */
public final class TlbTag {
    private static final BitField ASID = bits(15, 0);
    private static final BitField VMID = bits(31, 16);
    private static final BitField GLOBAL = bit(32);
    private static final BitField PRIVILEGED = bit(33);
    private static final BitField STAGE1 = bit(34);

    private TlbTag() {}

    static long stage1(int vmid, int asid) {
        return ASID.set(VMID.set(STAGE1.mask(), vmid), asid);
    }

    static long stage2(int vmid) {
        return VMID.set(0, vmid);
    }

    /** The tag of privileged accesses. */
    public static long privileged(long tag) {
        return tag | PRIVILEGED.mask();
    }

    /** The tag of global mappings beside those of {@code tag}: every ASID finds them. */
    public static long global(long tag) {
        return (tag | GLOBAL.mask()) & ~ASID.mask();
    }

    /** CMD_TLBI_NH_ALL. */
    public static Tags nhAll(int vmid) {
        return new Tags(stage1(vmid, 0), VMID.mask() | STAGE1.mask());
    }

    /** CMD_TLBI_NH_ASID, and the ASID's own part of CMD_TLBI_NH_VA. */
    public static Tags nhAsid(int vmid, int asid) {
        return new Tags(
                stage1(vmid, asid), ASID.mask() | VMID.mask() | STAGE1.mask() | GLOBAL.mask());
    }

    /** The global part of CMD_TLBI_NH_VA. */
    public static Tags nhGlobal(int vmid) {
        return new Tags(
                stage1(vmid, 0) | GLOBAL.mask(), VMID.mask() | STAGE1.mask() | GLOBAL.mask());
    }

    /** CMD_TLBI_S12_VMALL. */
    public static Tags s12VmAll(int vmid) {
        return new Tags(stage2(vmid), VMID.mask());
    }

    /** CMD_TLBI_S2_IPA: entries of stage 2 alone. */
    public static Tags s2(int vmid) {
        return new Tags(stage2(vmid), VMID.mask() | STAGE1.mask());
    }
}
