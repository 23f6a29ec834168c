package nestor.paging;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import nestor.vmm.register.BitField;

/**
 * VMSAv8-64 stage 2 (DDI 0487, §D8.2-§D8.4), for SMMUv3 stream table entries and for a CPU with
 * EL2. Its input is an IPA.
 *
 * @param geometry granule and widths
 * @param vttbr VTTBR_EL2.BADDR or STE.S2TTB; with 52-bit addresses, the address itself
 * @param startLevel as SL0 says; see {@link #consistent}
 * @param tracking VTCR_EL2.{HA, HD}; STE.{S2HA, S2HD, S2AFFD}
 * @param protectedTableWalk HCR_EL2.PTW, STE.S2PTW: no stage-1 table in Device memory
 * @param forcedWriteBack HCR_EL2.FWB, STE.S2FWB: how MemAttr is to be read
 * @param userExecuteNever whether XN is two bits (FEAT_XNX, SMMU_IDR3.XNX)
 */
public record VmsaV8Stage2(
        VmsaV8Geometry geometry,
        long vttbr,
        int startLevel,
        AccessTracking tracking,
        boolean protectedTableWalk,
        boolean forcedWriteBack,
        boolean userExecuteNever)
        implements TableFormat {
    /** Block and page descriptors, §D8.3.2. */
    private static final BitField XN = bits(54, 53);

    private static final BitField XN_WITHOUT_XNX = bit(54);
    private static final BitField DBM = bit(51);
    private static final BitField AF = bit(10);
    private static final BitField S2AP_WRITE = bit(7);
    private static final BitField S2AP_READ = bit(6);

    /** MemAttr[3:0]. */
    public static final BitField MEM_ATTR = bits(5, 2);

    /** MemAttr[3:2]: 0 is Device memory; with forced write-back, MemAttr[2] clear is. */
    private static final BitField MEM_ATTR_TYPE = bits(5, 4);

    private static final BitField MEM_ATTR_FWB_NORMAL = bit(4);

    /** log2 of how many initial tables may lie one after the other (§D8.2.7). */
    private static final int MAX_CONCATENATION_LOG2 = 4;

    public VmsaV8Stage2 {
        if (!consistent(geometry, startLevel)) {
            throw new IllegalArgumentException("no such start level: " + startLevel);
        }
    }

    /**
     * §D8.2.7: whether tables that start at {@code startLevel} translate exactly the input width,
     * with up to 16 concatenated initial tables. A caller reports the inconsistency its own way.
     */
    public static boolean consistent(VmsaV8Geometry geometry, int startLevel) {
        int firstLevel =
                switch (geometry.granuleLog2()) {
                    case 12 -> geometry.large() ? -1 : 0;
                    case 14 -> geometry.large() ? 0 : 1;
                    default -> 1;
                };
        if (startLevel < firstLevel || startLevel > VmsaV8Geometry.LAST_LEVEL) {
            return false;
        }
        int indexBits = geometry.inputBits() - geometry.shift(startLevel);
        return indexBits >= 1 && indexBits <= geometry.stride() + MAX_CONCATENATION_LOG2;
    }

    @Override
    public int stage() {
        return 2;
    }

    @Override
    public boolean inRange(long input) {
        return input >>> geometry.inputBits() == 0;
    }

    @Override
    public WalkResult.Kind outOfRange() {
        return WalkResult.Kind.TRANSLATION;
    }

    @Override
    public boolean fitsOutput(long address) {
        return geometry.fitsOutput(address);
    }

    /** Aligned to the size of all initial tables together. */
    @Override
    public long root() {
        return geometry.base(vttbr, indexBits(startLevel));
    }

    @Override
    public int rootLevel() {
        return 0;
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
        return level == startLevel ? geometry.inputBits() - shift(level) : geometry.stride();
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

    /** Stage 2 has no hierarchical permissions. */
    @Override
    public long restrict(long restrictions, long tableDescriptor) {
        return restrictions;
    }

    @Override
    public boolean accessFlagFault(long leaf) {
        return tracking == AccessTracking.SOFTWARE && !AF.isSet(leaf);
    }

    /** §D8.4.3. Execution does not depend on S2AP. */
    @Override
    public int permissions(long leaf, long restrictions) {
        boolean writable = S2AP_WRITE.isSet(leaf) || tracking.setsDirty() && DBM.isSet(leaf);
        return (S2AP_READ.isSet(leaf) ? Permissions.READ : 0)
                | (writable ? Permissions.WRITE : 0)
                | executePermissions(leaf);
    }

    private int executePermissions(long leaf) {
        if (!userExecuteNever) {
            return XN_WITHOUT_XNX.isSet(leaf) ? 0 : Permissions.EXECUTE;
        }
        return switch (XN.getInt(leaf)) {
            case 0 -> Permissions.EXECUTE;
            case 1 -> Permissions.USER_EXECUTE;
            case 2 -> 0;
            default -> Permissions.PRIVILEGED_EXECUTE;
        };
    }

    /** §D8.4.5. */
    @Override
    public long accessed(long descriptor, DescriptorKind kind) {
        return kind == DescriptorKind.LEAF && tracking.setsAccessed()
                ? AF.setAll(descriptor)
                : descriptor;
    }

    /** §D8.4.6: S2AP[1] is set if DBM allows it. */
    @Override
    public long dirtied(long leaf) {
        return tracking.setsDirty() && DBM.isSet(leaf) ? S2AP_WRITE.setAll(leaf) : leaf;
    }

    @Override
    public boolean global(long leaf) {
        return false;
    }

    @Override
    public boolean forbidsTables(long leaf) {
        if (!protectedTableWalk) {
            return false;
        }
        return forcedWriteBack ? !MEM_ATTR_FWB_NORMAL.isSet(leaf) : !MEM_ATTR_TYPE.isSet(leaf);
    }
}
