package nestor.iommu.format;

import static nestor.iommu.walk.StructureLayout.address;
import static nestor.iommu.walk.StructureLayout.field;
import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import java.util.List;
import nestor.iommu.walk.StructureLayout;
import nestor.vmm.memory.Doublewords;
import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.register.BitField;

/**
 * A scalable-mode PASID-table entry: how the requests of one PASID are translated (VT-d, §9.6). 64
 * bytes.
 *
 * @param present P
 * @param faultProcessingDisabled FPD
 * @param addressWidth AW, the code of the second stage's levels
 * @param secondStageExecuteEnabled SSEE
 * @param type PGTT
 * @param secondStageAccessDirty SSADE
 * @param secondStagePointer SSPTPTR, an address
 * @param domainId DID, 16 bits
 * @param pageWalkSnoop PWSNP
 * @param pageSnoop PGSNP
 * @param memoryType CD, EMTE, EMT, PWT, PCD and PAT as they stand in quadword 1
 * @param supervisorRequests SRE
 * @param executeRequests ERE
 * @param firstStageMode FSPM: 0 is 4-level, 1 is 5-level paging
 * @param writeProtect WPE
 * @param noExecute NXE
 * @param supervisorExecutePrevention SMEP
 * @param extendedAccessed EAFE
 * @param firstStagePointer FSPTPTR, an address
 * @param reservedZero whether every reserved bit is zero
 */
public record PasidEntry(
        boolean present,
        boolean faultProcessingDisabled,
        int addressWidth,
        boolean secondStageExecuteEnabled,
        TranslationType type,
        boolean secondStageAccessDirty,
        long secondStagePointer,
        int domainId,
        boolean pageWalkSnoop,
        boolean pageSnoop,
        long memoryType,
        boolean supervisorRequests,
        boolean executeRequests,
        int firstStageMode,
        boolean writeProtect,
        boolean noExecute,
        boolean supervisorExecutePrevention,
        boolean extendedAccessed,
        long firstStagePointer,
        boolean reservedZero) {
    /** Size of the structure. */
    public static final int BYTES = 64;

    /** PGTT, the PASID granular translation type. */
    public enum TranslationType {
        RESERVED,
        FIRST_STAGE,
        SECOND_STAGE,
        NESTED,
        PASS_THROUGH;

        public boolean hasFirstStage() {
            return this == FIRST_STAGE || this == NESTED;
        }

        public boolean hasSecondStage() {
            return this == SECOND_STAGE || this == NESTED;
        }
    }

    private static final class Word0 {
        static final BitField P = bit(0);
        static final BitField FPD = bit(1);
        static final BitField AW = bits(4, 2);
        static final BitField SSEE = bit(5);
        static final BitField PGTT = bits(8, 6);
        static final BitField SSADE = bit(9);
        static final BitField RESERVED = bits(11, 10);
        static final BitField SSPTPTR = bits(63, 12);
    }

    private static final class Word1 {
        static final BitField DID = bits(15, 0);
        static final BitField RESERVED = bits(22, 16);
        static final BitField PWSNP = bit(23);
        static final BitField PGSNP = bit(24);
        static final BitField MEMORY_TYPE = bits(63, 25);
    }

    private static final class Word2 {
        static final BitField SRE = bit(0);
        static final BitField ERE = bit(1);
        static final BitField FSPM = bits(3, 2);
        static final BitField WPE = bit(4);
        static final BitField NXE = bit(5);
        static final BitField SMEP = bit(6);
        static final BitField EAFE = bit(7);
        static final BitField RESERVED = bits(11, 8);
        static final BitField FSPTPTR = bits(63, 12);
    }

    private static final int WORDS = BYTES / Long.BYTES;

    /** Its fields by name. */
    public static final StructureLayout LAYOUT =
            new StructureLayout(
                    "PASID-table entry",
                    "VT-d, §9.6",
                    WORDS,
                    List.of(
                            field("P", 0, Word0.P),
                            field("FPD", 0, Word0.FPD),
                            field("AW", 0, Word0.AW),
                            field("SSEE", 0, Word0.SSEE),
                            field("PGTT", 0, Word0.PGTT),
                            field("SSADE", 0, Word0.SSADE),
                            address("SSPTPTR", 0, Word0.SSPTPTR),
                            field("DID", 1, Word1.DID),
                            field("PWSNP", 1, Word1.PWSNP),
                            field("PGSNP", 1, Word1.PGSNP),
                            field("CD", 1, bit(25)),
                            field("EMTE", 1, bit(26)),
                            field("EMT", 1, bits(29, 27)),
                            field("PWT", 1, bit(30)),
                            field("PCD", 1, bit(31)),
                            field("PAT", 1, bits(63, 32)),
                            field("SRE", 2, Word2.SRE),
                            field("ERE", 2, Word2.ERE),
                            field("FSPM", 2, Word2.FSPM),
                            field("WPE", 2, Word2.WPE),
                            field("NXE", 2, Word2.NXE),
                            field("SMEP", 2, Word2.SMEP),
                            field("EAFE", 2, Word2.EAFE),
                            address("FSPTPTR", 2, Word2.FSPTPTR)));

    /**
     * Decodes quadwords 0 to 2.
     *
     * @param rest quadwords 3 to 7 or'ed, all reserved
     */
    public static PasidEntry decode(long qw0, long qw1, long qw2, long rest) {
        return new PasidEntry(
                Word0.P.isSet(qw0),
                Word0.FPD.isSet(qw0),
                Word0.AW.getInt(qw0),
                Word0.SSEE.isSet(qw0),
                type(Word0.PGTT.getInt(qw0)),
                Word0.SSADE.isSet(qw0),
                Word0.SSPTPTR.getInPlace(qw0),
                Word1.DID.getInt(qw1),
                Word1.PWSNP.isSet(qw1),
                Word1.PGSNP.isSet(qw1),
                Word1.MEMORY_TYPE.getInPlace(qw1),
                Word2.SRE.isSet(qw2),
                Word2.ERE.isSet(qw2),
                Word2.FSPM.getInt(qw2),
                Word2.WPE.isSet(qw2),
                Word2.NXE.isSet(qw2),
                Word2.SMEP.isSet(qw2),
                Word2.EAFE.isSet(qw2),
                Word2.FSPTPTR.getInPlace(qw2),
                !Word0.RESERVED.isSet(qw0)
                        && !Word1.RESERVED.isSet(qw1)
                        && !Word2.RESERVED.isSet(qw2)
                        && rest == 0);
    }

    /** What a value of PGTT means. */
    public static TranslationType type(int pgtt) {
        return switch (pgtt) {
            case 1 -> TranslationType.FIRST_STAGE;
            case 2 -> TranslationType.SECOND_STAGE;
            case 3 -> TranslationType.NESTED;
            case 4 -> TranslationType.PASS_THROUGH;
            default -> TranslationType.RESERVED;
        };
    }

    /**
     * Reads and decodes the entry at {@code gpa}, each quadword once and the one with P first; a
     * writer may be seen between two of them.
     *
     * @throws GuestAccessException if nothing backs the address: fault reason 58h
     */
    public static PasidEntry read(Doublewords memory, long gpa) throws GuestAccessException {
        return decode(words(memory, gpa));
    }

    /** The words of the entry at {@code gpa}, each read once. */
    public static long[] words(Doublewords memory, long gpa) throws GuestAccessException {
        long[] words = new long[WORDS];
        for (int word = 0; word < WORDS; word++) {
            words[word] = memory.getLongLe(gpa + (long) word * Long.BYTES);
        }
        return words;
    }

    /** From all words of an entry; total. */
    public static PasidEntry decode(long[] words) {
        long rest = 0;
        for (int word = 3; word < WORDS; word++) {
            rest |= words[word];
        }
        return decode(words[0], words[1], words[2], rest);
    }

    /** Levels of the second stage, 3 to 5; 0 if AW has no meaning. */
    public int secondStageLevels() {
        return addressWidth >= 1 && addressWidth <= 3 ? addressWidth + 2 : 0;
    }

    /** Levels of the first stage, 4 or 5; 0 if FSPM has no meaning. */
    public int firstStageLevels() {
        return firstStageMode <= 1 ? firstStageMode + 4 : 0;
    }
}
