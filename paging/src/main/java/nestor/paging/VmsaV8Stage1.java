package nestor.paging;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import nestor.vmm.register.BitField;

/**
 * VMSAv8-64 stage 1, one of the two ranges of the EL1&amp;0 regime (DDI 0487, §D8.2-§D8.4), for the
 * software CPU and for SMMUv3 context descriptors.
 *
 * @param geometry granule and widths
 * @param ttbr TTBRn_EL1 or CD.TTBn: BADDR counts, ASID and CnP do not. With 52-bit addresses, the
 *     address itself as a CD holds it, not the folded form of TTBRn_EL1
 * @param upper whether this is the range whose addresses begin with ones (TTBR1)
 * @param topByteIgnored TCR_EL1.TBIn: bits 63:56 do not take part
 * @param hierarchicalDisabled TCR_EL1.HPDn, CD.HADn
 * @param writeImpliesNever SCTLR_EL1.WXN, CD.WXN
 * @param tracking TCR_EL1.{HA, HD}; CD.{HA, HD, AFFD}
 */
public record VmsaV8Stage1(
        VmsaV8Geometry geometry,
        long ttbr,
        boolean upper,
        boolean topByteIgnored,
        boolean hierarchicalDisabled,
        boolean writeImpliesNever,
        AccessTracking tracking)
        implements TableFormat {
    /** Table descriptor, §D8.3.1. */
    private static final BitField AP_TABLE = bits(62, 61);

    private static final BitField AP_TABLE_NO_USER = bit(61);
    private static final BitField AP_TABLE_READ_ONLY = bit(62);
    private static final BitField UXN_TABLE = bit(60);
    private static final BitField PXN_TABLE = bit(59);
    private static final long RESTRICTIONS = AP_TABLE.mask() | UXN_TABLE.mask() | PXN_TABLE.mask();

    /** Block and page descriptors, §D8.3.2. */
    private static final BitField UXN = bit(54);

    private static final BitField PXN = bit(53);
    private static final BitField DBM = bit(51);
    private static final BitField AF = bit(10);
    private static final BitField READ_ONLY = bit(7);
    private static final BitField USER = bit(6);

    /** AttrIndx[2:0]: the byte of MAIR_EL1 that says the memory type. */
    public static final BitField ATTR_INDEX = bits(4, 2);

    /** nG: the mapping belongs to one ASID. */
    public static final BitField NOT_GLOBAL = bit(11);

    /** SH[1:0]; with 52-bit addresses of the smaller granules, TCR_EL1.SHn takes its place. */
    public static final BitField SHAREABILITY = bits(9, 8);

    @Override
    public int stage() {
        return 1;
    }

    /** §D8.2.4: bits above the range are all zeros (TTBR0) or all ones (TTBR1). */
    @Override
    public boolean inRange(long input) {
        int ignored = topByteIgnored ? 8 : 0;
        long above = (input << ignored) >> (ignored + geometry.inputBits());
        return above == (upper ? -1L : 0L);
    }

    @Override
    public WalkResult.Kind outOfRange() {
        return WalkResult.Kind.TRANSLATION;
    }

    @Override
    public boolean fitsOutput(long address) {
        return geometry.fitsOutput(address);
    }

    /** BADDR, aligned to the size of the initial table (§D17.2.144). */
    @Override
    public long root() {
        return geometry.base(ttbr, indexBits(startLevel()));
    }

    @Override
    public int rootLevel() {
        return 0;
    }

    @Override
    public int startLevel() {
        int resolved = geometry.inputBits() - geometry.granuleLog2();
        return VmsaV8Geometry.LAST_LEVEL - (resolved - 1) / geometry.stride();
    }

    @Override
    public int nextLevel(int level) {
        return level + 1;
    }

    @Override
    public int shift(int level) {
        return geometry.shift(level);
    }

    @Override
    public int indexBits(int level) {
        return Math.min(geometry.stride(), geometry.inputBits() - shift(level));
    }

    @Override
    public DescriptorKind kind(long descriptor, int level) {
        return geometry.kind(descriptor, level);
    }

    @Override
    public long nextTable(long descriptor) {
        return geometry.nextTable(descriptor);
    }

    @Override
    public long output(long leaf, int level) {
        return geometry.output(leaf, level);
    }

    @Override
    public int contiguousLog2(long leaf, int level) {
        return geometry.contiguousLog2(leaf, level);
    }

    @Override
    public long restrict(long restrictions, long tableDescriptor) {
        return hierarchicalDisabled
                ? restrictions
                : restrictions | (tableDescriptor & RESTRICTIONS);
    }

    @Override
    public boolean accessFlagFault(long leaf) {
        return tracking == AccessTracking.SOFTWARE && !AF.isSet(leaf);
    }

    /** §D8.4.1, §D8.4.2; §D8.4.6: a descriptor with DBM is writable, whatever AP[2] says. */
    @Override
    public int permissions(long leaf, long restrictions) {
        boolean user = USER.isSet(leaf) && !AP_TABLE_NO_USER.isSet(restrictions);
        boolean readOnly = READ_ONLY.isSet(leaf) && !(tracking.setsDirty() && DBM.isSet(leaf));
        boolean writable = !readOnly && !AP_TABLE_READ_ONLY.isSet(restrictions);
        boolean userWritable = user && writable;
        boolean never = writeImpliesNever && writable;
        int set = Permissions.PRIVILEGED_READ;
        if (writable) {
            set |= Permissions.PRIVILEGED_WRITE;
        }
        if (!PXN.isSet(leaf) && !PXN_TABLE.isSet(restrictions) && !userWritable && !never) {
            set |= Permissions.PRIVILEGED_EXECUTE;
        }
        if (user) {
            set |= Permissions.USER_READ;
        }
        if (userWritable) {
            set |= Permissions.USER_WRITE;
        }
        if (!UXN.isSet(leaf)
                && !UXN_TABLE.isSet(restrictions)
                && !(writeImpliesNever && userWritable)) {
            set |= Permissions.USER_EXECUTE;
        }
        return set;
    }

    /** §D8.4.5. Table descriptors have no access flag without FEAT_HAFT. */
    @Override
    public long accessed(long descriptor, DescriptorKind kind) {
        return kind == DescriptorKind.LEAF && tracking.setsAccessed()
                ? AF.setAll(descriptor)
                : descriptor;
    }

    /** §D8.4.6: AP[2] is cleared if DBM allows it. */
    @Override
    public long dirtied(long leaf) {
        return tracking.setsDirty() && DBM.isSet(leaf) ? READ_ONLY.clear(leaf) : leaf;
    }

    @Override
    public boolean global(long leaf) {
        return !NOT_GLOBAL.isSet(leaf);
    }
}
