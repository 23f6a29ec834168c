package nestor.paging;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import nestor.vmm.register.BitField;

/**
 * x86 4-level and 5-level paging (Intel SDM volume 3A, §4.5), which is VT-d first-stage translation
 * as well (VT-d, §3.6 and §9.7). Accessed and dirty bits are always hardware's. Levels count from 5
 * or 4 down to 1.
 *
 * @param levels 4 or 5
 * @param pointer CR3 or FSPTPTR: the address counts, what is below it does not
 * @param physicalBits MAXPHYADDR or HAW, 32..52: higher address bits are reserved
 * @param gigabytePages whether a 1 GiB leaf is legal (CAP.FS1GP)
 * @param executeDisable what bit 63 means
 * @param writeProtect CR0.WP or WPE: read-only pages are so for privileged accesses too
 * @param supervisorExecutePrevention SMEP: no privileged execution from user pages
 */
public record X86Paging(
        int levels,
        long pointer,
        int physicalBits,
        boolean gigabytePages,
        ExecuteDisable executeDisable,
        boolean writeProtect,
        boolean supervisorExecutePrevention)
        implements TableFormat {
    /** What XD, bit 63 of every entry, means. */
    public enum ExecuteDisable {
        /** NXE clear in a VT-d PASID entry: the bit may be set and says nothing. */
        IGNORED,
        /** IA32_EFER.NXE clear in a CPU: the bit must be zero. */
        RESERVED,
        ENABLED
    }

    private static final BitField P = bit(0);
    private static final BitField R_W = bit(1);
    private static final BitField U_S = bit(2);
    private static final BitField A = bit(5);
    private static final BitField D = bit(6);
    private static final BitField PS = bit(7);
    private static final BitField G = bit(8);
    private static final BitField ADDRESS = bits(51, 12);
    private static final BitField XD = bit(63);

    /** Below a large page's address and above its PAT, bit 12. */
    private static final BitField RESERVED_2M = bits(20, 13);

    private static final BitField RESERVED_1G = bits(29, 13);

    private static final int PAGE_LOG2 = 12;
    private static final int STRIDE = 9;

    public X86Paging {
        if (levels != 4 && levels != 5) {
            throw new IllegalArgumentException("no such paging mode: " + levels + " levels");
        }
        if (physicalBits < 32 || physicalBits > ADDRESS.hi() + 1) {
            throw new IllegalArgumentException("no such physical width: " + physicalBits);
        }
    }

    @Override
    public int stage() {
        return 1;
    }

    /** §3.3.7.1 of SDM volume 1: canonical addresses. */
    @Override
    public boolean inRange(long input) {
        int above = 64 - PAGE_LOG2 - levels * STRIDE;
        return (input << above) >> above == input;
    }

    @Override
    public WalkResult.Kind outOfRange() {
        return WalkResult.Kind.INPUT_RANGE;
    }

    @Override
    public boolean fitsOutput(long address) {
        return address >>> physicalBits == 0;
    }

    @Override
    public long root() {
        return ADDRESS.getInPlace(pointer);
    }

    @Override
    public int rootLevel() {
        return levels;
    }

    @Override
    public int startLevel() {
        return levels;
    }

    @Override
    public int nextLevel(int level) {
        return level - 1;
    }

    @Override
    public int shift(int level) {
        return PAGE_LOG2 + (level - 1) * STRIDE;
    }

    @Override
    public int indexBits(int level) {
        return STRIDE;
    }

    /** §4.5.4, tables 4-14 to 4-20: bits are reserved only in present entries. */
    @Override
    public DescriptorKind kind(long descriptor, int level) {
        if (!P.isSet(descriptor)) {
            return DescriptorKind.INVALID;
        }
        boolean leaf = level == 1 || level <= 3 && PS.isSet(descriptor);
        if (isReserved(descriptor, level)) {
            return DescriptorKind.RESERVED;
        }
        return leaf ? DescriptorKind.LEAF : DescriptorKind.TABLE;
    }

    private boolean isReserved(long descriptor, int level) {
        if (!fitsOutput(ADDRESS.getInPlace(descriptor))
                || executeDisable == ExecuteDisable.RESERVED && XD.isSet(descriptor)) {
            return true;
        }
        if (level == 1 || !PS.isSet(descriptor)) {
            return false;
        }
        return switch (level) {
            case 2 -> RESERVED_2M.isSet(descriptor);
            case 3 -> !gigabytePages || RESERVED_1G.isSet(descriptor);
            default -> true;
        };
    }

    @Override
    public long nextTable(long descriptor) {
        return ADDRESS.getInPlace(descriptor);
    }

    @Override
    public long output(long leaf, int level) {
        return ADDRESS.getInPlace(leaf) & -1L << shift(level);
    }

    @Override
    public int contiguousLog2(long leaf, int level) {
        return shift(level);
    }

    /** R/W and U/S that are clear, and XD that is set, hold for all below (§4.6). */
    @Override
    public long restrict(long restrictions, long tableDescriptor) {
        return restrictions
                | ~tableDescriptor & (R_W.mask() | U_S.mask())
                | tableDescriptor & XD.mask();
    }

    @Override
    public boolean accessFlagFault(long leaf) {
        return false;
    }

    /** §4.6.1, without SMAP and protection keys, which depend on more than the tables. */
    @Override
    public int permissions(long leaf, long restrictions) {
        long denied = restrict(restrictions, leaf);
        boolean user = !U_S.isSet(denied);
        boolean writable = !R_W.isSet(denied);
        boolean execute = executeDisable != ExecuteDisable.ENABLED || !XD.isSet(denied);
        int set = Permissions.PRIVILEGED_READ;
        if (writable || !writeProtect) {
            set |= Permissions.PRIVILEGED_WRITE;
        }
        if (execute && !(user && supervisorExecutePrevention)) {
            set |= Permissions.PRIVILEGED_EXECUTE;
        }
        if (user) {
            set |= Permissions.USER_READ;
            set |= writable ? Permissions.USER_WRITE : 0;
            set |= execute ? Permissions.USER_EXECUTE : 0;
        }
        return set;
    }

    /** §4.8: in every entry of the walk. */
    @Override
    public long accessed(long descriptor, DescriptorKind kind) {
        return A.setAll(descriptor);
    }

    /** §4.8. */
    @Override
    public long dirtied(long leaf) {
        return D.setAll(leaf);
    }

    /** Heeded by a CPU with CR4.PGE; VT-d ignores it. */
    @Override
    public boolean global(long leaf) {
        return G.isSet(leaf);
    }
}
