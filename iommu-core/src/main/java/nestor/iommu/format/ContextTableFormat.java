package nestor.iommu.format;

import static nestor.iommu.walk.StructureLayout.address;
import static nestor.iommu.walk.StructureLayout.field;
import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import java.util.List;
import nestor.iommu.walk.StructureLayout;
import nestor.vmm.register.BitField;

/**
 * Where the Context descriptors of a stream lie (IHI 0070, §3.3.2, §5.3): in one array, or in leaf
 * arrays that a level-1 table points to. Addresses are those of the stream's stage 1: IPAs if a
 * second stage follows.
 *
 * @param pointer S1ContextPtr
 * @param s1Fmt S1Fmt: 0 one array, 1 and 2 two levels with leaves of 4 KiB and 64 KiB; 3 acts as 0
 * @param s1CdMax S1CDMax: log2 of the number of descriptors; with 0 there is one, at the pointer
 */
public record ContextTableFormat(long pointer, int s1Fmt, int s1CdMax) {
    private static final int TWO_LEVEL_4K = 1;
    private static final int TWO_LEVEL_64K = 2;

    private static final int LEVEL1_BYTES = 8;

    /** Log2 of the descriptors in a leaf. */
    private static final int LEAF_4K = 6;

    private static final int LEAF_64K = 10;

    /** A level-1 descriptor (§5.3). */
    private static final BitField V = bit(0);

    private static final BitField L2PTR = bits(51, 12);

    /** The fields of a level-1 descriptor by name. */
    public static final StructureLayout LEVEL1_LAYOUT =
            new StructureLayout(
                    "L1CD",
                    "IHI 0070, §5.3",
                    1,
                    List.of(field("V", 0, V), address("L2Ptr", 0, L2PTR)));

    /** Whether there is a level-1 table. */
    public boolean isTwoLevel() {
        return s1CdMax != 0 && (s1Fmt == TWO_LEVEL_4K || s1Fmt == TWO_LEVEL_64K);
    }

    /** Bytes of the table at the pointer: of the array, or of level 1. */
    public long tableBytes() {
        return isTwoLevel()
                ? (long) LEVEL1_BYTES << Math.max(s1CdMax - leafLog2(), 0)
                : (long) ContextDescriptor.BYTES << s1CdMax;
    }

    /** Address of the level-1 descriptor for {@code ssid}, which must be below 2^S1CDMax. */
    public long level1(int ssid) {
        return pointer + (long) (ssid >>> leafLog2()) * LEVEL1_BYTES;
    }

    /** Address of the Context descriptor in the array at the pointer. */
    public long entry(int ssid) {
        return pointer + (long) ssid * ContextDescriptor.BYTES;
    }

    /**
     * Address of the Context descriptor in the leaf that {@code level1} points to.
     *
     * @param level1 a valid level-1 descriptor
     */
    public long entry(long level1, int ssid) {
        int within = ssid & (1 << leafLog2()) - 1;
        return L2PTR.getInPlace(level1) + (long) within * ContextDescriptor.BYTES;
    }

    /** Whether a level-1 descriptor points to a leaf, at an address of {@code addressBits}. */
    public static boolean isValid(long level1, int addressBits) {
        return V.isSet(level1) && L2PTR.getInPlace(level1) >>> addressBits == 0;
    }

    /** Descriptors that one of level 1 leads to; of a table with two levels. */
    public int leafEntries() {
        return 1 << leafLog2();
    }

    private int leafLog2() {
        return s1Fmt == TWO_LEVEL_4K ? LEAF_4K : LEAF_64K;
    }
}
