package nestor.vtd;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import nestor.iommu.format.PasidEntry;
import nestor.iommu.walk.CachedTranslation;
import nestor.iommu.walk.Exploration;
import nestor.iommu.walk.StructureLayout;
import nestor.iommu.walk.StructureLog;
import nestor.iommu.walk.WalkExplorer;
import nestor.iommu.walk.WalkOutcome;
import nestor.iommu.walk.WalkReport;
import nestor.iommu.walk.WalkStep;
import nestor.paging.Access;
import nestor.paging.ExploredWalk;
import nestor.paging.PhysicalTables;
import nestor.paging.RehearsedTables;
import nestor.paging.WalkResult;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.vmm.memory.GuestMemory;
import nestor.vtd.config.ConfigFault;
import nestor.vtd.config.ContextEntry;
import nestor.vtd.config.PasidEntryFetch;
import nestor.vtd.config.PasidTable;
import nestor.vtd.config.RemappingStructures;
import nestor.vtd.config.RequesterConfig;
import nestor.vtd.config.RootTable;
import nestor.vtd.event.FaultReason;
import org.jspecify.annotations.Nullable;

/** What a request would meet (§3.3 to §3.9, chapter 7), without making it. Any thread. */
final class VtdExplorer implements WalkExplorer {
    private static final String REASONS = "VT-d, §7.1.3";

    private final VtdOptions options;
    private final GuestMemory memory;
    private final Translator translator;

    VtdExplorer(VtdOptions options, GuestMemory memory, Translator translator) {
        this.options = options;
        this.memory = memory;
        this.translator = translator;
    }

    @Override
    public WalkReport explore(Requester requester, long iova, int access) {
        return new Request(requester, iova, access).report();
    }

    private final class Request {
        private final Requester requester;
        private final long iova;
        private final int access;
        private final StructureLog log =
                new StructureLog(memory, new RehearsedTables(new PhysicalTables(memory)));
        private final Exploration steps;
        private @Nullable RequesterConfig config;

        Request(Requester requester, long iova, int access) {
            this.steps = new Exploration("vtd", requester, iova, access);
            this.requester = requester;
            this.iova = iova;
            this.access = access;
        }

        WalkReport report() {
            Translator.Settings settings = translator.settings();
            WalkOutcome outcome = outcome(settings);
            return steps.report(
                    outcome,
                    InterruptRange.clip(iova, steps.lastIova(Long.SIZE)),
                    settings.enabled() ? cached(outcome) : List.of());
        }

        private WalkOutcome outcome(Translator.Settings settings) {
            if (!requester.hasPasid() && InterruptRange.contains(iova)) {
                return access == Translation.WRITE
                        ? new WalkOutcome.Untranslated("an interrupt message (§3.14)")
                        : new WalkOutcome.Refused(
                                "unsupported request", "VT-d, §3.14", "interrupt range", 0);
            }
            if (!settings.enabled()) {
                return requester.hasPasid()
                        ? new WalkOutcome.Refused(
                                "unsupported request", "VT-d, §3.5", "TES is clear", 0)
                        : new WalkOutcome.Untranslated("GSTS_REG.TES is clear");
            }
            var reader =
                    new RemappingStructures(
                            log, new PhysicalTables(memory), options, PasidEntryFetch.IN_ORDER);
            RemappingStructures.Result result = reader.resolve(settings.root(), requester);
            FaultReason failed =
                    result instanceof RemappingStructures.Result.Failed(ConfigFault fault)
                            ? fault.reason()
                            : null;
            addStructures(settings.root(), failed);
            return switch (result) {
                case RemappingStructures.Result.Failed(ConfigFault fault) ->
                        refused(fault.reason(), fault.recorded() ? "" : "not recorded (FPD)", 0);
                case RemappingStructures.Result.Configured(RequesterConfig found) -> {
                    config = found;
                    yield configured(found);
                }
            };
        }

        private void addStructures(RootTable root, @Nullable FaultReason failed) {
            boolean scalable = root.mode() == RootTable.SCALABLE;
            List<StructureLayout> layouts =
                    scalable
                            ? List.of(
                                    RootTable.SCALABLE_LAYOUT,
                                    ContextEntry.SCALABLE_LAYOUT,
                                    PasidTable.DIRECTORY_LAYOUT,
                                    PasidEntry.LAYOUT)
                            : List.of(RootTable.LEGACY_LAYOUT, ContextEntry.LEGACY_LAYOUT);
            for (StructureLayout layout : layouts) {
                if (log.hasMore()) {
                    WalkStep step = log.next(layout, List.of());
                    if (layout.equals(PasidTable.DIRECTORY_LAYOUT)) {
                        steps.reachesPasid(requester.pasid() | PasidTable.ENTRIES - 1);
                    } else if (layout.equals(PasidEntry.LAYOUT)) {
                        steps.reachesOwnEntry();
                    }
                    boolean whole = step.words().size() == layout.words();
                    steps.add(
                            failed != null && whole && !log.hasMore()
                                    ? step.with(StructureErrors.of(failed, layout, step, options))
                                    : step);
                }
            }
        }

        private WalkOutcome configured(RequesterConfig found) {
            if (found.blocks(requester, access)) {
                return refused(found, Translator.blockedBy(found, requester), "", 0);
            }
            if (found.isIdentity()) {
                return identity(found);
            }
            boolean privileged = Translator.isPrivileged(requester);
            Exploration.Walked walked = steps.walk(privileged, wanted -> walk(found, wanted));
            int granted = walked.granted();
            return switch (walked.result()) {
                case WalkResult.Fault fault ->
                        refused(
                                found,
                                Reasons.of(found, fault, requester, access),
                                detail(fault),
                                granted);
                case WalkResult.Mapping mapping ->
                        InterruptRange.overlaps(mapping.output(), mapping.sizeLog2())
                                ? refused(found, Translator.outputBlocked(found), "", 0)
                                : steps.mapped(mapping, granted, Optional.empty());
            };
        }

        private WalkOutcome identity(RequesterConfig found) {
            if (InterruptRange.contains(iova)) {
                return refused(found, Translator.outputBlocked(found), "", 0);
            }
            if (iova >>> options.hostBits() != 0) {
                FaultReason reason =
                        found.isScalable()
                                ? FaultReason.BEYOND_HOST_WIDTH
                                : FaultReason.ADDRESS_BEYOND_WIDTH;
                return refused(found, reason, "", 0);
            }
            return new WalkOutcome.Untranslated(
                    found.isScalable() ? "PGTT = 100b, pass-through" : "TT = 10b, pass-through");
        }

        private static String detail(WalkResult.Fault fault) {
            String where =
                    switch (fault.subject()) {
                        case ACCESS -> "";
                        case TABLE_READ -> ", at the fetch of a first-stage entry";
                        case TABLE_UPDATE -> ", at the update of a first-stage entry";
                    };
            return "stage %d level %d%s".formatted(fault.stage(), fault.level(), where);
        }

        private WalkOutcome refused(
                RequesterConfig found, FaultReason reason, String detail, int granted) {
            boolean recorded = new ConfigFault(reason, found.faultsDisabled()).recorded();
            String all = recorded ? detail : (detail + "; not recorded (FPD)");
            return refused(reason, all, granted);
        }

        private static WalkOutcome refused(FaultReason reason, String detail, int granted) {
            return new WalkOutcome.Refused(
                    "fault reason %02Xh, %s".formatted(reason.code(), reason),
                    REASONS,
                    detail,
                    granted);
        }

        private ExploredWalk walk(RequesterConfig found, Access wanted) {
            var physical = new PhysicalTables(memory);
            if (found.first() == null) {
                if (found.second() == null) {
                    throw new IllegalStateException("a configuration without tables");
                }
                return ExploredWalk.of(physical, found.second(), iova, wanted);
            }
            return found.second() == null
                    ? ExploredWalk.of(physical, found.first(), iova, wanted)
                    : ExploredWalk.nested(physical, found.first(), found.second(), iova, wanted);
        }

        private List<CachedTranslation> cached(WalkOutcome outcome) {
            List<CachedTranslation> all = new ArrayList<>();
            RequesterConfig held = translator.cachedConfig(requester);
            if (held != null) {
                all.add(
                        CachedTranslation.ofConfiguration(
                                "context and PASID cache", staleConfig(held)));
            }
            RequesterConfig used = held == null ? config : held;
            if (used != null && !used.isIdentity()) {
                Translation.Mapping mapping = translator.cached(used, requester, iova);
                if (mapping != null) {
                    all.add(CachedTranslation.of("IOTLB", mapping, iova, outcome));
                }
            }
            return all;
        }

        private Optional<String> staleConfig(RequesterConfig held) {
            if (config == null) {
                return Optional.of("the structures are not usable any more");
            }
            return held.saysTheSame(config)
                    ? Optional.empty()
                    : Optional.of("the structures have changed");
        }
    }
}
