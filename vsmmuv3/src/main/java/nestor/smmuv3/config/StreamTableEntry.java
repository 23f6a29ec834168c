package nestor.smmuv3.config;

import static nestor.iommu.format.LegalityRules.rule;
import static nestor.iommu.walk.StructureLayout.address;
import static nestor.iommu.walk.StructureLayout.field;
import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import java.util.ArrayList;
import java.util.List;
import nestor.iommu.format.LegalityRules;
import nestor.iommu.walk.StructureLayout;
import nestor.paging.VmsaV8Geometry;
import nestor.paging.VmsaV8Stage2;
import nestor.smmuv3.SmmuV3Options;
import nestor.vmm.register.BitField;

/**
 * A Stream Table Entry (IHI 0070, §5.2). 64 bytes; what a stream's Config does not use is ignored.
 *
 * @param valid V
 * @param config Config, 0..7
 * @param s1Fmt S1Fmt: 0 one table, 1 and 2 two levels with 4 KiB and 64 KiB leaves; 3 is read as 0
 * @param s1ContextPtr S1ContextPtr, an address (an IPA with stage 2)
 * @param s1CdMax S1CDMax: log2 of the number of context descriptors
 * @param s1Dss S1DSS, for traffic without a substream; 3 is read as 0
 * @param ppar PPAR
 * @param s2Fwb S2FWB
 * @param s1StallDisabled S1STALLD
 * @param eats EATS
 * @param strw STRW
 * @param s2Vmid S2VMID
 * @param s2t0sz S2T0SZ
 * @param s2sl0 S2SL0
 * @param s2GranuleLog2 of S2TG; 0 for the reserved code
 * @param s2ps S2PS
 * @param s2aa64 S2AA64
 * @param s2endi S2ENDI
 * @param s2affd S2AFFD
 * @param s2ptw S2PTW
 * @param s2hd S2HD
 * @param s2ha S2HA
 * @param s2s S2S
 * @param s2r S2R
 * @param s2ttb S2TTB, an address
 */
public record StreamTableEntry(
        boolean valid,
        int config,
        int s1Fmt,
        long s1ContextPtr,
        int s1CdMax,
        int s1Dss,
        boolean ppar,
        boolean s2Fwb,
        boolean s1StallDisabled,
        int eats,
        int strw,
        int s2Vmid,
        int s2t0sz,
        int s2sl0,
        int s2GranuleLog2,
        int s2ps,
        boolean s2aa64,
        boolean s2endi,
        boolean s2affd,
        boolean s2ptw,
        boolean s2hd,
        boolean s2ha,
        boolean s2s,
        boolean s2r,
        long s2ttb) {
    /** Size of the structure. */
    public static final int BYTES = 64;

    /** S1DSS. */
    public static final int DSS_TERMINATE = 0;

    public static final int DSS_BYPASS = 1;
    public static final int DSS_SSID0 = 2;

    /** EATS. */
    public static final int EATS_ABORT = 0;

    public static final int EATS_FULL = 1;
    public static final int EATS_SPLIT_STAGE = 2;

    private static final class Word0 {
        static final BitField V = bit(0);
        static final BitField CONFIG = bits(3, 1);
        static final BitField S1FMT = bits(5, 4);
        static final BitField S1CONTEXTPTR = bits(51, 6);
        static final BitField S1CDMAX = bits(63, 59);
    }

    private static final class Word1 {
        static final BitField S1DSS = bits(1, 0);
        static final BitField PPAR = bit(18);
        static final BitField S2FWB = bit(25);
        static final BitField S1STALLD = bit(27);
        static final BitField EATS = bits(29, 28);
        static final BitField STRW = bits(31, 30);
    }

    private static final class Word2 {
        static final BitField S2VMID = bits(15, 0);
        static final BitField S2T0SZ = bits(37, 32);
        static final BitField S2SL0 = bits(39, 38);
        static final BitField S2TG = bits(47, 46);
        static final BitField S2PS = bits(50, 48);
        static final BitField S2AA64 = bit(51);
        static final BitField S2ENDI = bit(52);
        static final BitField S2AFFD = bit(53);
        static final BitField S2PTW = bit(54);
        static final BitField S2HD = bit(55);
        static final BitField S2HA = bit(56);
        static final BitField S2S = bit(57);
        static final BitField S2R = bit(58);
    }

    private static final class Word3 {
        static final BitField S2TTB = bits(51, 4);
    }

    /** Its fields by name. */
    public static final StructureLayout LAYOUT =
            new StructureLayout(
                    "STE",
                    "IHI 0070, §5.2",
                    4,
                    List.of(
                            field("V", 0, Word0.V),
                            field("Config", 0, Word0.CONFIG),
                            field("S1Fmt", 0, Word0.S1FMT),
                            address("S1ContextPtr", 0, Word0.S1CONTEXTPTR),
                            field("S1CDMax", 0, Word0.S1CDMAX),
                            field("S1DSS", 1, Word1.S1DSS),
                            field("PPAR", 1, Word1.PPAR),
                            field("S2FWB", 1, Word1.S2FWB),
                            field("S1STALLD", 1, Word1.S1STALLD),
                            field("EATS", 1, Word1.EATS),
                            field("STRW", 1, Word1.STRW),
                            field("S2VMID", 2, Word2.S2VMID),
                            field("S2T0SZ", 2, Word2.S2T0SZ),
                            field("S2SL0", 2, Word2.S2SL0),
                            field("S2TG", 2, Word2.S2TG),
                            field("S2PS", 2, Word2.S2PS),
                            field("S2AA64", 2, Word2.S2AA64),
                            field("S2ENDI", 2, Word2.S2ENDI),
                            field("S2AFFD", 2, Word2.S2AFFD),
                            field("S2PTW", 2, Word2.S2PTW),
                            field("S2HD", 2, Word2.S2HD),
                            field("S2HA", 2, Word2.S2HA),
                            field("S2S", 2, Word2.S2S),
                            field("S2R", 2, Word2.S2R),
                            address("S2TTB", 3, Word3.S2TTB)));

    /** §5.2.2, of every entry that translates. */
    private static final LegalityRules<StreamTableEntry, SmmuV3Options> RULES =
            new LegalityRules<>(
                    List.of(
                            rule(
                                    "Config",
                                    (ste, smmu) ->
                                            ste.stage1() && !smmu.stage1()
                                                    || ste.stage2() && !smmu.stage2()),
                            rule("EATS", (ste, smmu) -> !ste.isAtsLegal(smmu))));

    private static final LegalityRules<StreamTableEntry, SmmuV3Options> STAGE1_RULES =
            new LegalityRules<>(
                    List.of(
                            rule("S1STALLD", (ste, smmu) -> ste.s1StallDisabled && !smmu.stall()),
                            rule(
                                    "S1CDMax",
                                    (ste, smmu) ->
                                            smmu.ssidBits() != 0 && ste.s1CdMax > smmu.ssidBits()),
                            rule(
                                    "S1ContextPtr",
                                    (ste, smmu) ->
                                            ste.s1ContextPtr
                                                            >>> (ste.stage2()
                                                                    ? smmu.intermediateBits()
                                                                    : smmu.outputBits())
                                                    != 0)));

    private static final LegalityRules<StreamTableEntry, SmmuV3Options> STAGE2_RULES =
            new LegalityRules<>(
                    List.of(
                            rule("S2S", (ste, smmu) -> ste.s2s && !smmu.stall()),
                            rule("S2AA64", (ste, _) -> !ste.s2aa64),
                            rule("S2ENDI", (ste, _) -> ste.s2endi),
                            rule("S2TG", (ste, _) -> ste.s2GranuleLog2 == 0),
                            rule("S2HA", (ste, smmu) -> ste.s2ha && smmu.hardwareUpdates() < 1),
                            rule("S2HD", (ste, smmu) -> ste.s2hd && smmu.hardwareUpdates() < 2),
                            rule("S2T0SZ", (ste, smmu) -> !ste.isStage2InputLegal(smmu)),
                            rule(
                                    "S2SL0",
                                    (ste, smmu) ->
                                            ste.isStage2InputLegal(smmu)
                                                    && ste.s2GranuleLog2 != 0
                                                    && !ste.isStage2StartLegal(smmu)),
                            rule(
                                    "S2TTB",
                                    (ste, smmu) -> ste.s2ttb >>> ste.stage2OutputBits(smmu) != 0)));

    private static final int[] S2TG_GRANULES = {12, 16, 14, 0};
    private static final int[] PS_BITS = {32, 36, 40, 42, 44, 48, 52, 56};

    /** Level where S2SL0 starts the walk, by granule of 4, 16 and 64 KiB; -1 is reserved. */
    private static final int[] START_4K = {2, 1, 0, 3};

    private static final int[] START_16K = {3, 2, 1, -1};
    private static final int[] START_64K = {3, 2, 1, -1};

    /** Decodes doublewords 0 to 3; total. */
    public static StreamTableEntry decode(long dw0, long dw1, long dw2, long dw3) {
        int format = Word0.S1FMT.getInt(dw0);
        int dss = Word1.S1DSS.getInt(dw1);
        return new StreamTableEntry(
                Word0.V.isSet(dw0),
                Word0.CONFIG.getInt(dw0),
                format == 3 ? 0 : format,
                Word0.S1CONTEXTPTR.getInPlace(dw0),
                Word0.S1CDMAX.getInt(dw0),
                dss == 3 ? DSS_TERMINATE : dss,
                Word1.PPAR.isSet(dw1),
                Word1.S2FWB.isSet(dw1),
                Word1.S1STALLD.isSet(dw1),
                Word1.EATS.getInt(dw1),
                Word1.STRW.getInt(dw1),
                Word2.S2VMID.getInt(dw2),
                Word2.S2T0SZ.getInt(dw2),
                Word2.S2SL0.getInt(dw2),
                S2TG_GRANULES[Word2.S2TG.getInt(dw2)],
                Word2.S2PS.getInt(dw2),
                Word2.S2AA64.isSet(dw2),
                Word2.S2ENDI.isSet(dw2),
                Word2.S2AFFD.isSet(dw2),
                Word2.S2PTW.isSet(dw2),
                Word2.S2HD.isSet(dw2),
                Word2.S2HA.isSet(dw2),
                Word2.S2S.isSet(dw2),
                Word2.S2R.isSet(dw2),
                Word3.S2TTB.getInPlace(dw3));
    }

    /** Config[2] clear: all traffic is aborted, without an event. */
    public boolean aborts() {
        return config < 4;
    }

    /** Config = 0b100: all traffic passes untranslated. */
    public boolean bypasses() {
        return config == 4;
    }

    /** Stage 1 translates: Config = 0b1x1. */
    public boolean stage1() {
        return config == 5 || config == 7;
    }

    /** Stage 2 translates: Config = 0b11x. */
    public boolean stage2() {
        return config >= 6;
    }

    /** §5.2.2: whether the entry may be used; C_BAD_STE otherwise. */
    public boolean isLegal(SmmuV3Options options) {
        return valid
                && (aborts()
                        || bypasses()
                        || RULES.kept(this, options)
                                && (!stage1() || STAGE1_RULES.kept(this, options))
                                && (!stage2() || STAGE2_RULES.kept(this, options)));
    }

    /** The fields that make it illegal; empty if it is legal. */
    public List<String> flaws(SmmuV3Options options) {
        if (!valid) {
            return List.of("V");
        }
        List<String> flaws = new ArrayList<>();
        if (!aborts() && !bypasses()) {
            flaws.addAll(RULES.broken(this, options));
        }
        if (stage1()) {
            flaws.addAll(STAGE1_RULES.broken(this, options));
        }
        if (stage2()) {
            flaws.addAll(STAGE2_RULES.broken(this, options));
        }
        return flaws;
    }

    private boolean isAtsLegal(SmmuV3Options options) {
        if (!options.ats()) {
            return true;
        }
        return switch (eats) {
            case EATS_SPLIT_STAGE -> config == 7 && !s2s && options.splitStageAts();
            case EATS_FULL -> !stage2() || !s2s;
            default -> true;
        };
    }

    private boolean isStage2InputLegal(SmmuV3Options options) {
        return s2t0sz >= Math.max(16, 64 - options.intermediateBits()) && s2t0sz <= 39;
    }

    /** To be asked only with an input size and a granule that are legal. */
    private boolean isStage2StartLegal(SmmuV3Options options) {
        return stage2StartLevel() >= 0
                && VmsaV8Stage2.consistent(stage2Geometry(options), stage2StartLevel());
    }

    /** The effective S2PS: no more than the output size. */
    private int stage2OutputBits(SmmuV3Options options) {
        return Math.min(PS_BITS[s2ps], options.outputBits());
    }

    VmsaV8Geometry stage2Geometry(SmmuV3Options options) {
        return new VmsaV8Geometry(s2GranuleLog2, 64 - s2t0sz, stage2OutputBits(options), false);
    }

    int stage2StartLevel() {
        int[] levels =
                switch (s2GranuleLog2) {
                    case 12 -> START_4K;
                    case 14 -> START_16K;
                    default -> START_64K;
                };
        return levels[s2sl0];
    }
}
