package nestor.iommu.walk;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import nestor.iommu.AccessRights;
import nestor.paging.Access;
import nestor.paging.ExploredWalk;
import nestor.paging.WalkResult;
import nestor.pci.Requester;
import nestor.pci.Translation;
import org.jspecify.annotations.Nullable;

/** What has been found about one request so far; a model adds what it meets. One thread. */
public final class Exploration {
    private static final int ALL_ACCESS =
            Translation.READ | Translation.WRITE | Translation.EXECUTE;

    private final String model;
    private final Requester requester;
    private final long iova;
    private final int access;
    private final List<WalkStep> structures = new ArrayList<>();
    private final List<WalkStep> stage1 = new ArrayList<>();
    private final List<WalkStep> stage2 = new ArrayList<>();
    private @Nullable ExploredWalk walked;

    /** For whatever is granted: it may meet a second stage where the other was refused before. */
    private @Nullable ExploredWalk granting;

    private int lastPasid = WalkReport.MAX_PASID;
    private boolean ownEntry;

    /**
     * Tables that were walked.
     *
     * @param walk for what the request asks
     * @param granted all that the tables allow the requester, whatever was asked for
     */
    public record Walked(ExploredWalk walk, int granted) {
        /** What it comes to. */
        public WalkResult result() {
            return walk.result();
        }
    }

    /** Of a request that {@link WalkExplorer#explore} is asked about; nothing has been met yet. */
    public Exploration(String model, Requester requester, long iova, int access) {
        this.model = model;
        this.requester = requester;
        this.iova = iova;
        this.access = access;
    }

    /** Whose request it is. */
    public Requester requester() {
        return requester;
    }

    /** Its address. */
    public long iova() {
        return iova;
    }

    /** What was asked, in the bits of {@link Translation}. */
    public int access() {
        return access;
    }

    /** Adds the next structure on the way. */
    public void add(WalkStep structure) {
        structures.add(structure);
    }

    /** What was added last is for PASIDs up to this, too. */
    public void reachesPasid(int last) {
        lastPasid = last;
    }

    /** What was added last is the entry of the requester's PASID alone. */
    public void reachesOwnEntry() {
        lastPasid = requester.pasid();
        ownEntry = true;
    }

    /**
     * Walks tables, whose descriptors are the steps that follow the structures.
     *
     * @param privileged whether the request counts as privileged
     * @param tables walks them for an access
     */
    public Walked walk(boolean privileged, Function<Access, ExploredWalk> tables) {
        ExploredWalk walk = tables.apply(AccessRights.needed(access, privileged));
        stage1.addAll(DescriptorFields.steps(walk.stage1()));
        stage2.addAll(DescriptorFields.steps(walk.stage2()));
        Access all = Access.upTo(AccessRights.permissions(ALL_ACCESS, privileged));
        ExploredWalk widest = tables.apply(all);
        walked = walk;
        granting = widest;
        // A write that cannot set a dirty flag grants nothing, and a read of the same page may.
        return new Walked(walk, granted(widest, privileged) | granted(walk, privileged));
    }

    private static int granted(ExploredWalk walk, boolean privileged) {
        return walk.result() instanceof WalkResult.Mapping mapping
                ? AccessRights.granted(mapping.permissions(), privileged)
                : 0;
    }

    /**
     * The request reaches memory.
     *
     * @param ats as {@link WalkOutcome.Mapped} has it
     */
    public WalkOutcome mapped(WalkResult.Mapping mapping, int granted, Optional<Long> ats) {
        return new WalkOutcome.Mapped(mapping.translate(iova), mapping.sizeLog2(), granted, ats);
    }

    /**
     * The last address, unsigned, that the descriptors are for, too; where none were read, up to
     * where a limit of addresses can be.
     *
     * @param addressBits 64, or less where the bits above may be ignored
     */
    public long lastIova(int addressBits) {
        if (walked == null || granting == null) {
            return ExploredWalk.lastOfSameWidth(iova, addressBits);
        }
        long last = walked.last(iova, addressBits);
        long ofGranted = granting.last(iova, addressBits);
        return Long.compareUnsigned(ofGranted, last) < 0 ? ofGranted : last;
    }

    /**
     * All that was met, and what came of it.
     *
     * @param lastIova of {@link WalkReport.Extent}
     */
    public WalkReport report(WalkOutcome outcome, long lastIova, List<CachedTranslation> cached) {
        return new WalkReport(
                model,
                requester,
                iova,
                access,
                structures,
                stage1,
                stage2,
                outcome,
                new WalkReport.Extent(lastIova, lastPasid, ownEntry),
                cached);
    }
}
