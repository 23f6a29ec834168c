package nestor.smmuv3;

import nestor.iommu.AccessRights;
import nestor.iommu.oracle.CurrentTranslation;
import nestor.iommu.oracle.CurrentTranslation.SpaceTags;
import nestor.iommu.oracle.TranslationCache;
import nestor.paging.Access;
import nestor.paging.NestedWalker;
import nestor.paging.TableFormat;
import nestor.paging.WalkResult;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.smmuv3.config.ConfigFault;
import nestor.smmuv3.config.ContextTable;
import nestor.smmuv3.config.StreamConfig;
import nestor.smmuv3.config.StreamTable;
import nestor.smmuv3.config.StreamTableEntry;
import nestor.smmuv3.config.TlbTag;
import nestor.vmm.memory.GuestMemory;

/**
 * Where stream table, context descriptors and tables lead an address now (IHI 0070, §3.3): as
 * {@link Translator} finds it on a miss of every cache, and without its effects. Any thread.
 *
 * <p>{@link SmmuExplorer} cannot stand for it: the oracle asks again and again about every
 * translation that a cache holds, by tag, and must not pay for a list of steps.
 */
final class Probe {
    private static final CurrentTranslation NOT_USED = new CurrentTranslation.NotUsed();

    /** Of a requester without a configuration: no entry has this tag. */
    private static final SpaceTags NO_SPACE = new SpaceTags(-1, -1);

    private static final int ALL_ACCESS =
            Translation.READ | Translation.WRITE | Translation.EXECUTE;
    private static final int WHOLE_LOG2 = 64;

    /** More than an intermediate address has. */
    private static final int BYPASS_LOG2 = 56;

    private final SmmuV3Options options;
    private final GuestMemory memory;
    private final Translator translator;
    private final StructureFetch structures = StructureFetch.atomic64();
    private final ContextTable contexts;

    Probe(SmmuV3Options options, GuestMemory memory, Translator translator) {
        this.options = options;
        this.memory = memory;
        this.translator = translator;
        this.contexts = ContextTable.probing(memory, options);
    }

    CurrentTranslation current(TranslationCache cache, Requester requester, long iova, int access) {
        Translator.Settings now = translator.settings();
        if (!now.enabled()) {
            return NOT_USED;
        }
        return switch (configure(now, requester)) {
            case ContextTable.Result.Failed(ConfigFault fault) ->
                    unconfigured(cache, now, fault.kind().name());
            case ContextTable.Result.Configured(StreamConfig config) ->
                    config.ste().aborts()
                            ? unconfigured(cache, now, "STE.Config aborts")
                            : current(cache, now, config, requester, iova, access);
        };
    }

    private ContextTable.Result configure(Translator.Settings now, Requester requester) {
        int sid = requester.rid();
        return switch (now.streams().find(memory, structures, sid)) {
            case StreamTable.Result.Failed(ConfigFault fault) ->
                    new ContextTable.Result.Failed(fault);
            case StreamTable.Result.Found(StreamTableEntry entry, _, _) ->
                    entry.isLegal(options)
                            ? contexts.resolve(entry, sid, requester.pasid())
                            : new ContextTable.Result.Failed(
                                    ConfigFault.of(ConfigFault.Kind.C_BAD_STE));
        };
    }

    /** Without ATSCHK, translated requests pass whatever the stream's configuration is. */
    private static CurrentTranslation unconfigured(
            TranslationCache cache, Translator.Settings now, String reason) {
        return cache == TranslationCache.ATC && !now.checksTranslated()
                ? new CurrentTranslation.Refused(NO_SPACE, reason)
                : NOT_USED;
    }

    private CurrentTranslation current(
            TranslationCache cache,
            Translator.Settings now,
            StreamConfig config,
            Requester requester,
            long iova,
            int access) {
        boolean atc = cache == TranslationCache.ATC;
        int eats = translator.ats(now, config.ste());
        if (atc && now.checksTranslated() && eats == StreamTableEntry.EATS_ABORT) {
            return NOT_USED;
        }
        SpaceTags tags = tags(config, requester.privileged());
        if (config.isIdentity()) {
            return atc
                    ? new CurrentTranslation.Mapped(
                            tags, tags.own(), new Translation.Mapping(0, WHOLE_LOG2, 0, ALL_ACCESS))
                    : NOT_USED;
        }
        if (config.ignoresTopByte(iova) && iova << 8 >> 8 != iova) {
            return NOT_USED; // cached and invalidated as another address
        }
        int permissions = AccessRights.permissions(access, requester.privileged());
        Access wanted = Access.probe(permissions);
        boolean split = atc && eats == StreamTableEntry.EATS_SPLIT_STAGE;
        WalkResult walked =
                split ? stage1(config, iova, wanted) : translator.walkTables(config, iova, wanted);
        return switch (walked) {
            case WalkResult.Fault fault -> refused(tags, fault);
            case WalkResult.Mapping mapping -> {
                boolean global = config.cd() != null && mapping.global();
                yield new CurrentTranslation.Mapped(
                        tags,
                        global ? tags.global() : tags.own(),
                        new Translation.Mapping(
                                iova & -1L << mapping.sizeLog2(),
                                mapping.sizeLog2(),
                                mapping.output(),
                                access));
            }
        };
    }

    /** §3.9.1.3: with split-stage ATS an ATC holds IPAs, whatever stage 2 makes of them. */
    private WalkResult stage1(StreamConfig config, long iova, Access wanted) {
        NestedWalker nested = config.nested();
        TableFormat stage1 = config.stage1(iova);
        if (nested == null || config.cd() == null) { // S1DSS bypass: the address is the IPA
            return new WalkResult.Mapping(0, BYPASS_LOG2, BYPASS_LOG2, 0, 0, false, 0);
        }
        return stage1 == null
                ? WalkResult.Fault.of(WalkResult.Kind.TRANSLATION, 1, 0, iova)
                : nested.walkStage1(stage1, iova, wanted);
    }

    /** §3.13: an access flag that software clears takes no translation back. */
    private static CurrentTranslation refused(SpaceTags tags, WalkResult.Fault fault) {
        return fault.kind() == WalkResult.Kind.ACCESS_FLAG
                ? NOT_USED
                : new CurrentTranslation.Refused(
                        tags,
                        "%s fault, stage %d, level %d"
                                .formatted(fault.kind(), fault.stage(), fault.level()));
    }

    private static SpaceTags tags(StreamConfig config, boolean privileged) {
        long own = privileged ? TlbTag.privileged(config.tag()) : config.tag();
        return new SpaceTags(own, config.cd() == null ? own : TlbTag.global(own));
    }
}
