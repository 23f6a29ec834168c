package nestor.vtd;

import nestor.iommu.AccessRights;
import nestor.iommu.oracle.CurrentTranslation;
import nestor.iommu.oracle.CurrentTranslation.SpaceTags;
import nestor.iommu.oracle.TranslationCache;
import nestor.paging.Access;
import nestor.paging.WalkResult;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.vmm.memory.GuestMemory;
import nestor.vtd.config.ConfigFault;
import nestor.vtd.config.ContextEntry;
import nestor.vtd.config.PasidEntryFetch;
import nestor.vtd.config.RemappingStructures;
import nestor.vtd.config.RequesterConfig;
import nestor.vtd.config.RootTable;
import nestor.vtd.config.TlbTag;

/**
 * Where structures and tables lead an address now (§3.4 to §3.9): as {@link Translator} finds it on
 * a miss of every cache, and without its effects. Any thread.
 *
 * <p>{@link VtdExplorer} cannot stand for it: the oracle asks again and again about every
 * translation that a cache holds, by tag, and must not pay for a list of steps.
 */
final class Probe {
    private static final CurrentTranslation NOT_USED = new CurrentTranslation.NotUsed();

    /** Of a requester without a configuration: no entry has this tag. */
    private static final SpaceTags NO_SPACE = new SpaceTags(-1, -1);

    private final Translator translator;

    /** As they are in memory, however the unit itself fetches them. */
    private final RemappingStructures structures;

    Probe(VtdOptions options, GuestMemory memory, Translator translator) {
        this.translator = translator;
        this.structures = new RemappingStructures(memory, options, PasidEntryFetch.IN_ORDER);
    }

    CurrentTranslation current(
            TranslationCache cache, Requester requester, long address, int access) {
        Translator.Settings now = translator.settings();
        if (!now.enabled() || !requester.hasPasid() && InterruptRange.contains(address)) {
            return NOT_USED;
        }
        boolean atc = cache == TranslationCache.ATC;
        if (atc && !passesTranslated(now, requester)) {
            return NOT_USED;
        }
        return switch (structures.resolve(now.root(), requester)) {
            case RemappingStructures.Result.Failed(ConfigFault fault) ->
                    atc
                            ? new CurrentTranslation.Refused(NO_SPACE, fault.reason().name())
                            : NOT_USED;
            case RemappingStructures.Result.Configured(RequesterConfig config) ->
                    config.isIdentity()
                            ? identity(config, atc, address)
                            : current(config, requester, address, access);
        };
    }

    /** §4.2.3: translated requests pass by the context entry alone, whatever comes behind it. */
    private boolean passesTranslated(Translator.Settings now, Requester requester) {
        return structures.context(now.root(), requester.rid())
                        instanceof RootTable.Result.Found(ContextEntry entry)
                && entry.deviceTlb();
    }

    private static CurrentTranslation identity(RequesterConfig config, boolean atc, long address) {
        if (!atc || InterruptRange.contains(address)) {
            return NOT_USED;
        }
        var tags = new SpaceTags(config.tag(), config.tag());
        return new CurrentTranslation.Mapped(tags, tags.own(), InterruptRange.identity(address));
    }

    private CurrentTranslation current(
            RequesterConfig config, Requester requester, long address, int access) {
        boolean privileged = Translator.isPrivileged(requester);
        long tag = privileged ? TlbTag.privileged(config.tag()) : config.tag();
        var tags = new SpaceTags(tag, tag);
        if (config.blocks(requester, access)) {
            return new CurrentTranslation.Refused(
                    tags, Translator.blockedBy(config, requester).name());
        }
        Access wanted = Access.probe(AccessRights.permissions(access, privileged));
        return switch (translator.walkTables(config, address, wanted)) {
            case WalkResult.Fault fault ->
                    new CurrentTranslation.Refused(
                            tags,
                            "%s (%s fault, stage %d, level %d)"
                                    .formatted(
                                            Reasons.of(config, fault, requester, access),
                                            fault.kind(),
                                            fault.stage(),
                                            fault.level()));
            case WalkResult.Mapping mapping ->
                    InterruptRange.overlaps(mapping.output(), mapping.sizeLog2())
                            ? new CurrentTranslation.Refused(
                                    tags, Translator.outputBlocked(config).name())
                            : new CurrentTranslation.Mapped(
                                    tags, tag, block(mapping, address, access));
        };
    }

    private static Translation.Mapping block(WalkResult.Mapping mapping, long address, int access) {
        int sizeLog2 = mapping.sizeLog2();
        return new Translation.Mapping(
                address & -1L << sizeLog2, sizeLog2, mapping.output(), access);
    }
}
