package nestor.iommu.format;

import static nestor.iommu.walk.StructureLayout.address;
import static nestor.iommu.walk.StructureLayout.field;
import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import java.util.List;
import nestor.iommu.walk.StructureLayout;
import nestor.paging.AccessTracking;
import nestor.paging.VmsaV8Geometry;
import nestor.paging.VmsaV8Stage1;
import nestor.vmm.memory.Doublewords;
import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.register.BitField;

/**
 * A Context descriptor: the stage-1 translation of one substream (IHI 0070, §5.4). 64 bytes, of
 * which the last 24 hold nothing that is read.
 *
 * @param range0 the lower range, of TTB0
 * @param range1 the upper range, of TTB1
 * @param bigEndian ENDI: the tables are big-endian
 * @param valid V
 * @param ips IPS, the code of the output size
 * @param accessFlagFaultDisabled AFFD
 * @param writeImpliesNever WXN
 * @param unprivilegedWriteImpliesNever UWXN
 * @param privilegedAccessNever PAN
 * @param aarch64 AA64
 * @param hardwareDirty HD, which is meant only together with HA
 * @param hardwareAccess HA
 * @param hardwareTableAccess HAFT
 * @param stall S: faults stall
 * @param record R: faults that terminate are recorded
 * @param abort A: faults that terminate abort, rather than RAZ/WI
 * @param asidSet ASET: the ASID is the SMMU's own, not one of the CPUs'
 * @param asid 16 bits
 * @param mair MAIR, eight memory types
 */
public record ContextDescriptor(
        Range range0,
        Range range1,
        boolean bigEndian,
        boolean valid,
        int ips,
        boolean accessFlagFaultDisabled,
        boolean writeImpliesNever,
        boolean unprivilegedWriteImpliesNever,
        boolean privilegedAccessNever,
        boolean aarch64,
        boolean hardwareDirty,
        boolean hardwareAccess,
        boolean hardwareTableAccess,
        boolean stall,
        boolean record,
        boolean abort,
        boolean asidSet,
        int asid,
        long mair) {
    /** Size of the structure. */
    public static final int BYTES = 64;

    /**
     * One of the two ranges.
     *
     * @param tsz TxSZ: the range has {@code 64 - tsz} bits
     * @param granuleLog2 of TGx: 12, 14 or 16; 0 for the reserved code
     * @param innerCacheability IRx
     * @param outerCacheability ORx
     * @param shareability SHx
     * @param disabled EPDx: no walks, every address of the range faults
     * @param topByteIgnored TBIx
     * @param hierarchicalDisabled HADx
     * @param unprivilegedAccessPrevented E0PDx
     * @param ttb TTBx, an address
     */
    public record Range(
            int tsz,
            int granuleLog2,
            int innerCacheability,
            int outerCacheability,
            int shareability,
            boolean disabled,
            boolean topByteIgnored,
            boolean hierarchicalDisabled,
            boolean unprivilegedAccessPrevented,
            long ttb) {}

    /** Doubleword 0. */
    private static final class Word0 {
        static final BitField T0SZ = bits(5, 0);
        static final BitField TG0 = bits(7, 6);
        static final BitField IR0 = bits(9, 8);
        static final BitField OR0 = bits(11, 10);
        static final BitField SH0 = bits(13, 12);
        static final BitField EPD0 = bit(14);
        static final BitField ENDI = bit(15);
        static final BitField T1SZ = bits(21, 16);
        static final BitField TG1 = bits(23, 22);
        static final BitField IR1 = bits(25, 24);
        static final BitField OR1 = bits(27, 26);
        static final BitField SH1 = bits(29, 28);
        static final BitField EPD1 = bit(30);
        static final BitField V = bit(31);
        static final BitField IPS = bits(34, 32);
        static final BitField AFFD = bit(35);
        static final BitField WXN = bit(36);
        static final BitField UWXN = bit(37);
        static final BitField TBI0 = bit(38);
        static final BitField TBI1 = bit(39);
        static final BitField PAN = bit(40);
        static final BitField AA64 = bit(41);
        static final BitField HD = bit(42);
        static final BitField HA = bit(43);
        static final BitField S = bit(44);
        static final BitField R = bit(45);
        static final BitField A = bit(46);
        static final BitField ASET = bit(47);
        static final BitField ASID = bits(63, 48);
    }

    /** Doublewords 1 and 2. */
    private static final class WordTtb {
        static final BitField HAD = bit(1);
        static final BitField E0PD = bit(2);
        static final BitField HAFT = bit(3); // of doubleword 1 only
        static final BitField TTB = bits(51, 4);
    }

    /** Its fields by name; HAD0, E0PD0, HAD1 and E0PD1 are beside their TTB. */
    public static final StructureLayout LAYOUT =
            new StructureLayout(
                    "CD",
                    "IHI 0070, §5.4",
                    4,
                    List.of(
                            field("T0SZ", 0, Word0.T0SZ),
                            field("TG0", 0, Word0.TG0),
                            field("IR0", 0, Word0.IR0),
                            field("OR0", 0, Word0.OR0),
                            field("SH0", 0, Word0.SH0),
                            field("EPD0", 0, Word0.EPD0),
                            field("ENDI", 0, Word0.ENDI),
                            field("T1SZ", 0, Word0.T1SZ),
                            field("TG1", 0, Word0.TG1),
                            field("IR1", 0, Word0.IR1),
                            field("OR1", 0, Word0.OR1),
                            field("SH1", 0, Word0.SH1),
                            field("EPD1", 0, Word0.EPD1),
                            field("V", 0, Word0.V),
                            field("IPS", 0, Word0.IPS),
                            field("AFFD", 0, Word0.AFFD),
                            field("WXN", 0, Word0.WXN),
                            field("UWXN", 0, Word0.UWXN),
                            field("TBI0", 0, Word0.TBI0),
                            field("TBI1", 0, Word0.TBI1),
                            field("PAN", 0, Word0.PAN),
                            field("AA64", 0, Word0.AA64),
                            field("HD", 0, Word0.HD),
                            field("HA", 0, Word0.HA),
                            field("S", 0, Word0.S),
                            field("R", 0, Word0.R),
                            field("A", 0, Word0.A),
                            field("ASET", 0, Word0.ASET),
                            field("ASID", 0, Word0.ASID),
                            field("HAD0", 1, WordTtb.HAD),
                            field("E0PD0", 1, WordTtb.E0PD),
                            field("HAFT", 1, WordTtb.HAFT),
                            address("TTB0", 1, WordTtb.TTB),
                            field("HAD1", 2, WordTtb.HAD),
                            field("E0PD1", 2, WordTtb.E0PD),
                            address("TTB1", 2, WordTtb.TTB),
                            field("MAIR", 3, bits(63, 0))));

    private static final int[] TG0_GRANULES = {12, 16, 14, 0};
    private static final int[] TG1_GRANULES = {0, 14, 12, 16};
    private static final int SMALL_BITS = 48;
    private static final int LARGE_BITS = 52;
    private static final int LARGE_GRANULE_LOG2 = 16;
    private static final int MIN_TSZ = 16;
    private static final int MAX_TSZ = 39;
    private static final BitField SELECT = bit(55);
    private static final int[] IPS_BITS = {32, 36, 40, 42, 44, 48, 52, 56};

    /** Log2 of the granule that a TG0 code means, here as in TCR_EL1; 0 for the reserved one. */
    static int granule0(int tg0) {
        return TG0_GRANULES[tg0];
    }

    /** The same for TG1. */
    static int granule1(int tg1) {
        return TG1_GRANULES[tg1];
    }

    /** Decodes doublewords 0 to 3. */
    public static ContextDescriptor decode(long dw0, long dw1, long dw2, long dw3) {
        Range range0 =
                new Range(
                        Word0.T0SZ.getInt(dw0),
                        TG0_GRANULES[Word0.TG0.getInt(dw0)],
                        Word0.IR0.getInt(dw0),
                        Word0.OR0.getInt(dw0),
                        Word0.SH0.getInt(dw0),
                        Word0.EPD0.isSet(dw0),
                        Word0.TBI0.isSet(dw0),
                        WordTtb.HAD.isSet(dw1),
                        WordTtb.E0PD.isSet(dw1),
                        WordTtb.TTB.getInPlace(dw1));
        Range range1 =
                new Range(
                        Word0.T1SZ.getInt(dw0),
                        TG1_GRANULES[Word0.TG1.getInt(dw0)],
                        Word0.IR1.getInt(dw0),
                        Word0.OR1.getInt(dw0),
                        Word0.SH1.getInt(dw0),
                        Word0.EPD1.isSet(dw0),
                        Word0.TBI1.isSet(dw0),
                        WordTtb.HAD.isSet(dw2),
                        WordTtb.E0PD.isSet(dw2),
                        WordTtb.TTB.getInPlace(dw2));
        return new ContextDescriptor(
                range0,
                range1,
                Word0.ENDI.isSet(dw0),
                Word0.V.isSet(dw0),
                Word0.IPS.getInt(dw0),
                Word0.AFFD.isSet(dw0),
                Word0.WXN.isSet(dw0),
                Word0.UWXN.isSet(dw0),
                Word0.PAN.isSet(dw0),
                Word0.AA64.isSet(dw0),
                Word0.HD.isSet(dw0),
                Word0.HA.isSet(dw0),
                WordTtb.HAFT.isSet(dw1),
                Word0.S.isSet(dw0),
                Word0.R.isSet(dw0),
                Word0.A.isSet(dw0),
                Word0.ASET.isSet(dw0),
                Word0.ASID.getInt(dw0),
                dw3);
    }

    /**
     * Reads and decodes the descriptor at {@code gpa}, each doubleword once; a writer may be seen
     * between two of them.
     *
     * @throws GuestAccessException if nothing backs the address: F_CD_FETCH
     */
    public static ContextDescriptor read(Doublewords memory, long gpa) throws GuestAccessException {
        return decode(
                memory.getLongLe(gpa),
                memory.getLongLe(gpa + 8),
                memory.getLongLe(gpa + 16),
                memory.getLongLe(gpa + 24));
    }

    /** The range an address selects, by bit 55 (the top byte may be ignored). */
    public Range range(long iova) {
        return isUpper(iova) ? range1 : range0;
    }

    /** Whether {@code iova} is one of the upper range's, of TTB1. */
    public static boolean isUpper(long iova) {
        return SELECT.isSet(iova);
    }

    /** Bits of an address that say where it leads: without the top byte where TBI ignores it. */
    public int addressBits() {
        return range0.topByteIgnored || range1.topByteIgnored ? Long.SIZE - Byte.SIZE : Long.SIZE;
    }

    /**
     * Whether the ranges with walks can be walked (§5.4.1): a granule, a size and tables within the
     * output size.
     *
     * @param oasBits the SMMU's output size, which limits IPS
     */
    public boolean hasLegalRanges(int oasBits) {
        int output = Math.min(outputBits(), oasBits);
        return isLegal(range0, output) && isLegal(range1, output);
    }

    private static boolean isLegal(Range range, int output) {
        return range.disabled
                || range.granuleLog2 != 0
                        && range.tsz >= MIN_TSZ
                        && range.tsz <= MAX_TSZ
                        && range.ttb >>> output == 0;
    }

    /** Output bits that IPS asks for: 32..56; the SMMU's own size limits it. */
    public int outputBits() {
        return IPS_BITS[ips];
    }

    /**
     * The tables of TTB0, for a walk. The descriptor must be legal and the range enabled.
     *
     * @param oasBits the SMMU's output size, which limits IPS
     */
    public VmsaV8Stage1 stage1OfTtb0(int oasBits) {
        return stage1(range0, Half.LOWER, oasBits);
    }

    /** The same for TTB1. */
    public VmsaV8Stage1 stage1OfTtb1(int oasBits) {
        return stage1(range1, Half.UPPER, oasBits);
    }

    private enum Half {
        LOWER,
        UPPER
    }

    /** 52-bit addresses are the 64 KiB granule's alone. */
    private VmsaV8Stage1 stage1(Range range, Half half, int oasBits) {
        int inputBits = Long.SIZE - range.tsz;
        int largest = range.granuleLog2 == LARGE_GRANULE_LOG2 ? LARGE_BITS : SMALL_BITS;
        int output = Math.min(Math.min(outputBits(), oasBits), largest);
        boolean large = Math.max(inputBits, output) > SMALL_BITS;
        return new VmsaV8Stage1(
                new VmsaV8Geometry(range.granuleLog2, inputBits, output, large),
                range.ttb,
                half == Half.UPPER,
                range.topByteIgnored,
                range.hierarchicalDisabled,
                writeImpliesNever,
                tracking());
    }

    /** HD without HA acts as neither; with HA, AFFD is ignored. */
    private AccessTracking tracking() {
        if (hardwareAccess) {
            return hardwareDirty ? AccessTracking.HARDWARE_DIRTY : AccessTracking.HARDWARE_ACCESSED;
        }
        return accessFlagFaultDisabled ? AccessTracking.IGNORED : AccessTracking.SOFTWARE;
    }
}
