package nestor.smmuv3.config;

import nestor.iommu.format.ContextDescriptor;
import nestor.paging.AccessTracking;
import nestor.paging.NestedWalker;
import nestor.paging.TableFormat;
import nestor.paging.VmsaV8Stage1;
import nestor.paging.VmsaV8Stage2;
import nestor.smmuv3.SmmuV3Options;
import org.jspecify.annotations.Nullable;

/**
 * What the configuration structures make of one stream, or of one of its substreams: decoded once,
 * immutable, and replaced when software invalidates it.
 *
 * @param ste the stream table entry
 * @param cd the context descriptor; null if stage 1 does not translate
 * @param lower format of the range of TTB0; null if there are no walks in it
 * @param upper format of the range of TTB1; null if there are no walks in it
 * @param stage2 format of stage 2; null if it does not translate
 * @param nested walks both stages; null unless stage 2 translates
 * @param tag of its entries in the IOTLB, for unprivileged access and entries that are not global
 */
public record StreamConfig(
        StreamTableEntry ste,
        @Nullable ContextDescriptor cd,
        @Nullable VmsaV8Stage1 lower,
        @Nullable VmsaV8Stage1 upper,
        @Nullable VmsaV8Stage2 stage2,
        @Nullable NestedWalker nested,
        long tag) {
    /** Bypass, stage 2 alone, or an entry that aborts. */
    static StreamConfig withoutStage1(
            StreamTableEntry ste,
            @Nullable VmsaV8Stage2 stage2,
            @Nullable NestedWalker nested,
            SmmuV3Options options) {
        boolean tagged = options.stage2() && !ste.aborts() && !ste.bypasses();
        long tag = TlbTag.stage2(tagged ? ste.s2Vmid() : 0);
        return new StreamConfig(ste, null, null, null, stage2, nested, tag);
    }

    /** Stage 1, with or without stage 2 under it. */
    static StreamConfig withStage1(
            StreamTableEntry ste,
            ContextDescriptor cd,
            @Nullable VmsaV8Stage2 stage2,
            @Nullable NestedWalker nested,
            SmmuV3Options options) {
        long tag = TlbTag.stage1(options.stage2() ? ste.s2Vmid() : 0, cd.asid());
        int outputBits = options.outputBits();
        return new StreamConfig(
                ste,
                cd,
                cd.range0().disabled() ? null : cd.stage1OfTtb0(outputBits),
                cd.range1().disabled() ? null : cd.stage1OfTtb1(outputBits),
                stage2,
                nested,
                tag);
    }

    /** HD counts only together with HA. */
    static AccessTracking tracking(boolean access, boolean dirty, boolean faultDisabled) {
        if (access) {
            return dirty ? AccessTracking.HARDWARE_DIRTY : AccessTracking.HARDWARE_ACCESSED;
        }
        return faultDisabled ? AccessTracking.IGNORED : AccessTracking.SOFTWARE;
    }

    /** Whether addresses pass unchanged: bypass, or stage-1 bypass without a stage 2. */
    public boolean isIdentity() {
        return cd == null && stage2 == null && !ste.aborts();
    }

    /** Whether S1DSS makes traffic without a substream bypass stage 1. */
    public boolean bypassesStage1() {
        return cd == null && ste.stage1();
    }

    /** Whether a fault of {@code stage} is recorded (CD.R, STE.S2R). */
    public boolean records(int stage) {
        return stage == 2 ? ste.s2r() : cd != null && cd.record();
    }

    /** Whether a fault of {@code stage} stalls the transaction (CD.S, STE.S2S). */
    public boolean stalls(int stage) {
        return stage == 2 ? ste.s2s() : cd != null && cd.stall();
    }

    /** Whether a transaction that ends in a fault of {@code stage} aborts (CD.A) or is RAZ/WI. */
    public boolean aborts(int stage) {
        return stage == 2 || cd == null || cd.abort();
    }

    /** The stage-1 format for {@code iova}; null if its range has no walks: F_TRANSLATION. */
    public @Nullable TableFormat stage1(long iova) {
        return ContextDescriptor.isUpper(iova) ? upper : lower;
    }

    /** Whether the top byte of {@code iova} takes no part in its translation. */
    public boolean ignoresTopByte(long iova) {
        return cd != null && cd.range(iova).topByteIgnored();
    }
}
