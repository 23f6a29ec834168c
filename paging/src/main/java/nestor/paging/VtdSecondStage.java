package nestor.paging;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import nestor.vmm.register.BitField;

/**
 * VT-d second-stage translation (VT-d, §3.7 and §9.8). Its input is the GPA of nested translation,
 * or an IOVA. Levels count from 5, 4 or 3 down to 1.
 *
 * @param levels 3, 4 or 5 (AW): inputs of 39, 48 or 57 bits
 * @param pointer SSPTPTR: the address counts, what is below it does not
 * @param hostBits HAW, 32..52: higher address bits are reserved
 * @param largestLevel of a leaf, by CAP.SSLPS: 1, 2 (2 MiB) or 3 (1 GiB)
 * @param executeEnabled SSEE: bit 2 grants execution; without it, whatever can be read can be
 *     executed
 * @param tracking SSADE: {@link AccessTracking#IGNORED} or {@link AccessTracking#HARDWARE_DIRTY}
 * @param snoopReserved whether SNP is reserved in leaves (legacy mode without ECAP.SC)
 */
public record VtdSecondStage(
        int levels,
        long pointer,
        int hostBits,
        int largestLevel,
        boolean executeEnabled,
        AccessTracking tracking,
        boolean snoopReserved)
        implements TableFormat {
    private static final BitField R = bit(0);
    private static final BitField W = bit(1);
    private static final BitField X = bit(2);
    private static final BitField PS = bit(7);
    private static final BitField A = bit(8);
    private static final BitField D = bit(9);
    private static final BitField SNP = bit(11);
    private static final BitField ADDRESS = bits(51, 12);

    /** Once TM; reserved. */
    private static final BitField RESERVED_62 = bit(62);

    private static final int PAGE_LOG2 = 12;
    private static final int STRIDE = 9;

    public VtdSecondStage {
        if (levels < 3 || levels > 5) {
            throw new IllegalArgumentException("no such address width: " + levels + " levels");
        }
        if (hostBits < 32 || hostBits > ADDRESS.hi() + 1) {
            throw new IllegalArgumentException("no such host address width: " + hostBits);
        }
        if (largestLevel < 1 || largestLevel > 3) {
            throw new IllegalArgumentException("no such page size: level " + largestLevel);
        }
        if (tracking != AccessTracking.IGNORED && tracking != AccessTracking.HARDWARE_DIRTY) {
            throw new IllegalArgumentException("accessed and dirty bits come together or not");
        }
    }

    @Override
    public int stage() {
        return 2;
    }

    @Override
    public boolean inRange(long input) {
        return input >>> PAGE_LOG2 + levels * STRIDE == 0;
    }

    @Override
    public WalkResult.Kind outOfRange() {
        return WalkResult.Kind.INPUT_RANGE;
    }

    @Override
    public boolean fitsOutput(long address) {
        return address >>> hostBits == 0;
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

    /** §9.8: not present means that nothing is granted; reserved bits count in present entries. */
    @Override
    public DescriptorKind kind(long descriptor, int level) {
        if ((descriptor & permissionBits()) == 0) {
            return DescriptorKind.INVALID;
        }
        boolean leaf = level == 1 || level <= largestLevel && PS.isSet(descriptor);
        if (isReserved(descriptor, level, leaf)) {
            return DescriptorKind.RESERVED;
        }
        return leaf ? DescriptorKind.LEAF : DescriptorKind.TABLE;
    }

    private long permissionBits() {
        return executeEnabled ? R.mask() | W.mask() | X.mask() : R.mask() | W.mask();
    }

    private boolean isReserved(long descriptor, int level, boolean leaf) {
        if (!fitsOutput(ADDRESS.getInPlace(descriptor)) || RESERVED_62.isSet(descriptor)) {
            return true;
        }
        if (leaf) {
            long belowPage = ADDRESS.getInPlace(descriptor) & ~(-1L << shift(level));
            return belowPage != 0 || snoopReserved && SNP.isSet(descriptor);
        }
        return PS.isSet(descriptor) || SNP.isSet(descriptor);
    }

    @Override
    public long nextTable(long descriptor) {
        return ADDRESS.getInPlace(descriptor);
    }

    @Override
    public long output(long leaf, int level) {
        return ADDRESS.getInPlace(leaf);
    }

    @Override
    public int contiguousLog2(long leaf, int level) {
        return shift(level);
    }

    /** What any level does not grant is denied. */
    @Override
    public long restrict(long restrictions, long tableDescriptor) {
        return restrictions | ~tableDescriptor & permissionBits();
    }

    @Override
    public boolean accessFlagFault(long leaf) {
        return false;
    }

    @Override
    public int permissions(long leaf, long restrictions) {
        long denied = restrict(restrictions, leaf);
        boolean readable = !R.isSet(denied);
        boolean executable = executeEnabled ? !X.isSet(denied) : readable;
        return (readable ? Permissions.READ : 0)
                | (W.isSet(denied) ? 0 : Permissions.WRITE)
                | (executable ? Permissions.EXECUTE : 0);
    }

    /** §3.7.2: in every entry of the walk. */
    @Override
    public long accessed(long descriptor, DescriptorKind kind) {
        return tracking.setsAccessed() ? A.setAll(descriptor) : descriptor;
    }

    /** §3.7.2. */
    @Override
    public long dirtied(long leaf) {
        return tracking.setsDirty() ? D.setAll(leaf) : leaf;
    }

    @Override
    public boolean global(long leaf) {
        return false;
    }
}
