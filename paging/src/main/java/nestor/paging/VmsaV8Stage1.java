package nestor.paging;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import nestor.vmm.register.BitField;

/**
 * VMSAv8-64 stage 1, one of the two ranges of the EL1&amp;0 regime (DDI 0487, §D8.2-§D8.4), without
 * FEAT_LPA and FEAT_LPA2.
 *
 * @param granuleLog2 12, 14 or 16
 * @param inputBits width of the range, {@code 64 - TxSZ}: 16..48
 * @param outputBits configured output address width, 32..48 (TCR_EL1.IPS)
 * @param ttbr TTBRn_EL1: BADDR counts, ASID and CnP do not
 * @param upper whether this is the range whose addresses begin with ones (TTBR1)
 * @param topByteIgnored TCR_EL1.TBIn: bits 63:56 do not take part
 * @param hierarchicalDisabled TCR_EL1.HPDn
 * @param writeImpliesNever SCTLR_EL1.WXN
 */
public record VmsaV8Stage1(
        int granuleLog2,
        int inputBits,
        int outputBits,
        long ttbr,
        boolean upper,
        boolean topByteIgnored,
        boolean hierarchicalDisabled,
        boolean writeImpliesNever)
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
    private static final BitField AF = bit(10);
    private static final BitField READ_ONLY = bit(7);
    private static final BitField USER = bit(6);

    /** AttrIndx[2:0]: the byte of MAIR_EL1 that says the memory type. */
    public static final BitField ATTR_INDEX = bits(4, 2);

    /** nG: the mapping belongs to one ASID. */
    public static final BitField NOT_GLOBAL = bit(11);

    /** SH[1:0]. */
    public static final BitField SHAREABILITY = bits(9, 8);

    private static final int LAST_LEVEL = 3;
    private static final int ADDRESS_BITS = 48;

    public VmsaV8Stage1 {
        if (granuleLog2 != 12 && granuleLog2 != 14 && granuleLog2 != 16) {
            throw new IllegalArgumentException("no such granule: 2^" + granuleLog2);
        }
        if (inputBits < 16 || inputBits > ADDRESS_BITS || inputBits <= granuleLog2) {
            throw new IllegalArgumentException("no such input width: " + inputBits);
        }
        if (outputBits < 32 || outputBits > ADDRESS_BITS) {
            throw new IllegalArgumentException("no such output width: " + outputBits);
        }
    }

    private int stride() {
        return granuleLog2 - 3;
    }

    /** §D8.2.4: bits above the range are all zeros (TTBR0) or all ones (TTBR1). */
    @Override
    public boolean inRange(long input) {
        int ignored = topByteIgnored ? 8 : 0;
        long above = (input << ignored) >> (ignored + inputBits);
        return above == (upper ? -1L : 0L);
    }

    @Override
    public boolean fitsOutput(long address) {
        return address >>> outputBits == 0;
    }

    /** TTBRn_EL1.BADDR, aligned to the size of the initial table (§D17.2.144). */
    @Override
    public long root() {
        int tableLog2 = indexBits(startLevel()) + 3;
        return ttbr & bits(ADDRESS_BITS - 1, tableLog2).mask();
    }

    @Override
    public int startLevel() {
        return LAST_LEVEL - (inputBits - granuleLog2 - 1) / stride();
    }

    @Override
    public int shift(int level) {
        return granuleLog2 + (LAST_LEVEL - level) * stride();
    }

    @Override
    public int indexBits(int level) {
        return Math.min(stride(), inputBits - shift(level));
    }

    /** §D8.3: bits 1:0; a block is legal at level 1 (4 KiB granule only) and level 2. */
    @Override
    public DescriptorKind kind(long descriptor, int level) {
        boolean valid = (descriptor & 1) != 0;
        boolean tableOrPage = (descriptor & 2) != 0;
        if (!valid) {
            return DescriptorKind.INVALID;
        }
        if (tableOrPage) {
            return level == LAST_LEVEL ? DescriptorKind.LEAF : DescriptorKind.TABLE;
        }
        boolean blockLevel = level == 2 || level == 1 && granuleLog2 == 12;
        return blockLevel ? DescriptorKind.LEAF : DescriptorKind.INVALID;
    }

    @Override
    public long nextTable(long descriptor) {
        return descriptor & addressMask(granuleLog2);
    }

    @Override
    public long output(long leaf, int level) {
        return leaf & addressMask(shift(level));
    }

    private static long addressMask(int lowBit) {
        return (-1L << lowBit) & (-1L >>> (64 - ADDRESS_BITS));
    }

    @Override
    public long restrict(long restrictions, long tableDescriptor) {
        return hierarchicalDisabled
                ? restrictions
                : restrictions | (tableDescriptor & RESTRICTIONS);
    }

    @Override
    public boolean accessFlagFault(long leaf) {
        return !AF.isSet(leaf);
    }

    /** §D8.4.1, §D8.4.2. */
    @Override
    public int permissions(long leaf, long restrictions) {
        boolean user = USER.isSet(leaf) && !AP_TABLE_NO_USER.isSet(restrictions);
        boolean writable = !READ_ONLY.isSet(leaf) && !AP_TABLE_READ_ONLY.isSet(restrictions);
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
}
