package nestor.smmuv3;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import nestor.iommu.AccessRights;
import nestor.iommu.format.ContextDescriptor;
import nestor.iommu.format.ContextTableFormat;
import nestor.iommu.walk.CachedTranslation;
import nestor.iommu.walk.DescriptorFields;
import nestor.iommu.walk.StructureLog;
import nestor.iommu.walk.WalkExplorer;
import nestor.iommu.walk.WalkOutcome;
import nestor.iommu.walk.WalkReport;
import nestor.iommu.walk.WalkStep;
import nestor.paging.Access;
import nestor.paging.ExploredWalk;
import nestor.paging.PhysicalTables;
import nestor.paging.RehearsedTables;
import nestor.paging.TableFormat;
import nestor.paging.VmsaV8Stage2;
import nestor.paging.WalkResult;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.smmuv3.config.ConfigFault;
import nestor.smmuv3.config.ContextTable;
import nestor.smmuv3.config.StreamConfig;
import nestor.smmuv3.config.StreamTable;
import nestor.smmuv3.config.StreamTableEntry;
import nestor.smmuv3.event.Event;
import nestor.vmm.memory.GuestMemory;
import org.jspecify.annotations.Nullable;

/** What a transaction would meet (IHI 0070, §3.3 to §3.5), without making it. Any thread. */
final class SmmuExplorer implements WalkExplorer {
    private static final String EVENTS = "IHI 0070, §7.3";
    private static final int ALL_ACCESS =
            Translation.READ | Translation.WRITE | Translation.EXECUTE;

    private final SmmuV3Options options;
    private final GuestMemory memory;
    private final Translator translator;

    SmmuExplorer(SmmuV3Options options, GuestMemory memory, Translator translator) {
        this.options = options;
        this.memory = memory;
        this.translator = translator;
    }

    @Override
    public WalkReport explore(Requester requester, long iova, int access) {
        return new Exploration(requester, iova, access).report();
    }

    private final class Exploration {
        private final Requester requester;
        private final long iova;
        private final int access;
        private final RehearsedTables tables = new RehearsedTables(new PhysicalTables(memory));
        private final StructureLog log = new StructureLog(memory, tables);
        private final ContextTable contexts =
                new ContextTable(log, tables, StructureFetch.atomic64(), options);
        private final List<WalkStep> structures = new ArrayList<>();
        private final List<WalkStep> stage1 = new ArrayList<>();
        private final List<WalkStep> stage2 = new ArrayList<>();
        private @Nullable StreamConfig config;
        private @Nullable ExploredWalk walked;
        private int lastPasid;
        private boolean ownEntry;

        Exploration(Requester requester, long iova, int access) {
            this.requester = requester;
            this.iova = iova;
            this.access = access;
            // Without S1DSS = 2, PASID 0 is a substream like others; with it, it is not.
            this.lastPasid = requester.pasid() == 0 ? 0 : WalkReport.MAX_PASID;
        }

        WalkReport report() {
            Translator.Settings settings = translator.settings();
            WalkOutcome outcome;
            if (settings.enabled()) {
                outcome = outcome(settings);
            } else if (settings.bypassAborts()) {
                outcome = new WalkOutcome.Refused("abort", "IHI 0070, §6.3.14", "GBPA.ABORT", 0);
            } else {
                outcome = new WalkOutcome.Untranslated("CR0.SMMUEN is clear");
            }
            return new WalkReport(
                    "smmuv3",
                    requester,
                    iova,
                    access,
                    structures,
                    stage1,
                    stage2,
                    outcome,
                    new WalkReport.Extent(lastIova(), lastPasid, ownEntry),
                    settings.enabled() ? cached(outcome) : List.of());
        }

        private long lastIova() {
            ContextDescriptor cd = config == null ? null : config.cd();
            int bits = cd == null ? Long.SIZE : cd.addressBits();
            return walked == null
                    ? ExploredWalk.lastOfSameWidth(iova, bits)
                    : walked.last(iova, bits);
        }

        private WalkOutcome outcome(Translator.Settings settings) {
            int sid = requester.rid();
            StreamTable.Result found = settings.streams().find(log, StructureFetch.atomic64(), sid);
            if (settings.streams().split() != 0 && log.hasMore()) {
                structures.add(log.next(StreamTable.LEVEL1_LAYOUT, List.of()));
            }
            return switch (found) {
                case StreamTable.Result.Failed(ConfigFault fault) -> {
                    if (log.hasMore()) {
                        structures.add(log.next(StreamTableEntry.LAYOUT, List.of()));
                    }
                    yield unusable(fault);
                }
                case StreamTable.Result.Found(StreamTableEntry ste, _, _) -> {
                    structures.add(log.next(StreamTableEntry.LAYOUT, ste.flaws(options)));
                    yield ste.isLegal(options)
                            ? context(settings, ste)
                            : unusable(ConfigFault.of(ConfigFault.Kind.C_BAD_STE));
                }
            };
        }

        private WalkOutcome context(Translator.Settings settings, StreamTableEntry ste) {
            return switch (contexts.resolve(ste, requester.rid(), requester.pasid())) {
                case ContextTable.Result.Failed(ConfigFault fault) -> {
                    fetched(ste, fault);
                    yield unusable(fault);
                }
                case ContextTable.Result.Configured(StreamConfig found) -> {
                    fetched(ste, null);
                    config = found;
                    yield configured(settings, found);
                }
            };
        }

        /** The context descriptor, and what led to it, if they were looked for. */
        private void fetched(StreamTableEntry ste, @Nullable ConfigFault fault) {
            boolean lost = fault != null && fault.kind() == ConfigFault.Kind.STAGE2_OF_CD_FETCH;
            if (!log.hasMore() && !lost) {
                return;
            }
            VmsaV8Stage2 behind = ste.stage2() ? contexts.stage2(ste) : null;
            ContextTableFormat table = contexts.format(ste);
            int index = requester.hasPasid() ? requester.pasid() : 0;
            long entry = table.entry(index);
            if (table.isTwoLevel()) {
                WalkStep level1 =
                        log.next(
                                ContextTableFormat.LEVEL1_LAYOUT,
                                behind,
                                table.level1(index),
                                List.of());
                structures.add(level1);
                lastPasid = index | table.leafEntries() - 1;
                if (level1.words().isEmpty()) {
                    return;
                }
                entry = table.entry(level1.words().getFirst(), index);
            }
            if (log.hasMore() || lost) {
                lastPasid = index;
                ownEntry = true;
                WalkStep cd = log.next(ContextDescriptor.LAYOUT, behind, entry, List.of());
                structures.add(
                        cd.words().size() < ContextDescriptor.LAYOUT.words()
                                ? cd
                                : cd.with(flaws(cd, ste)));
            }
        }

        private List<String> flaws(WalkStep cd, StreamTableEntry ste) {
            List<Long> words = cd.words();
            return contexts.flaws(
                    ContextDescriptor.decode(
                            words.get(0), words.get(1), words.get(2), words.get(3)),
                    ste);
        }

        private WalkOutcome unusable(ConfigFault fault) {
            Event event = Event.config(fault, requester, iova, access);
            WalkResult.Fault behind = fault.stage2();
            String detail =
                    behind == null
                            ? ""
                            : "stage 2 level %d, at the fetch of a context descriptor from IPA 0x%x"
                                    .formatted(behind.level(), behind.ipa());
            return new WalkOutcome.Refused(Event.name(event.number()), EVENTS, detail, 0);
        }

        private WalkOutcome configured(Translator.Settings settings, StreamConfig found) {
            if (found.ste().aborts()) {
                return new WalkOutcome.Refused(
                        "abort", "IHI 0070, §5.2", "STE.Config; no event", 0);
            }
            if (translator.isBeyondBypass(found, iova)) {
                return refused(
                        found, WalkResult.Fault.of(WalkResult.Kind.ADDRESS_SIZE, 1, 0, iova), 0);
            }
            if (found.isIdentity()) {
                return new WalkOutcome.Untranslated(
                        found.bypassesStage1() ? "STE.S1DSS = 1" : "STE.Config = 4");
            }
            boolean privileged = requester.privileged();
            ExploredWalk walk = walk(found, AccessRights.needed(access, privileged));
            walked = walk;
            stage1.addAll(DescriptorFields.steps(walk.stage1()));
            stage2.addAll(DescriptorFields.steps(walk.stage2()));
            int granted = granted(found);
            return switch (walk.result()) {
                case WalkResult.Fault fault -> refused(found, fault, granted);
                case WalkResult.Mapping mapping ->
                        Translator.isPrivilegedAccessNever(found, mapping, privileged, access)
                                ? refused(
                                        found,
                                        WalkResult.Fault.of(
                                                WalkResult.Kind.PERMISSION,
                                                1,
                                                mapping.level(),
                                                iova),
                                        granted)
                                : new WalkOutcome.Mapped(
                                        mapping.translate(iova),
                                        mapping.sizeLog2(),
                                        granted,
                                        ats(settings, found, walk));
            };
        }

        /** All that the tables allow, whatever was asked for. */
        private int granted(StreamConfig found) {
            boolean privileged = requester.privileged();
            Access all = Access.upTo(AccessRights.permissions(ALL_ACCESS, privileged));
            return walk(found, all).result() instanceof WalkResult.Mapping mapping
                    ? AccessRights.granted(mapping.permissions(), privileged)
                    : 0;
        }

        private ExploredWalk walk(StreamConfig found, Access wanted) {
            var physical = new PhysicalTables(memory);
            VmsaV8Stage2 second = found.stage2();
            if (found.cd() == null && second != null) {
                return ExploredWalk.of(physical, second, iova, wanted);
            }
            TableFormat first = found.stage1(iova);
            if (first == null) { // EPD0, EPD1
                return new ExploredWalk(
                        WalkResult.Fault.of(WalkResult.Kind.TRANSLATION, 1, 0, iova),
                        List.of(),
                        List.of());
            }
            return second == null
                    ? ExploredWalk.of(physical, first, iova, wanted)
                    : ExploredWalk.nested(physical, first, second, iova, wanted);
        }

        private Optional<Long> ats(
                Translator.Settings settings, StreamConfig found, ExploredWalk walk) {
            if (translator.ats(settings, found.ste()) != StreamTableEntry.EATS_SPLIT_STAGE) {
                return Optional.empty();
            }
            return found.cd() == null ? Optional.of(iova) : walk.stage1Output(iova);
        }

        private WalkOutcome refused(StreamConfig found, WalkResult.Fault fault, int granted) {
            Event event = Event.walk(fault, requester, iova, access);
            StringBuilder detail =
                    new StringBuilder("stage %d level %d".formatted(fault.stage(), fault.level()));
            switch (fault.subject()) {
                case ACCESS -> {}
                case TABLE_READ -> detail.append(", at the fetch of a stage-1 descriptor");
                case TABLE_UPDATE -> detail.append(", at the update of a stage-1 descriptor");
            }
            if (fault.stage() == 2) {
                detail.append(", IPA 0x%x".formatted(fault.ipa()));
            }
            if (event.isTranslationRelated() && found.stalls(fault.stage())) {
                detail.append("; stalls if the function can wait");
            } else if (event.isTranslationRelated() && !found.records(fault.stage())) {
                detail.append("; not recorded");
            }
            return new WalkOutcome.Refused(
                    Event.name(event.number()), EVENTS, detail.toString(), granted);
        }

        private List<CachedTranslation> cached(WalkOutcome outcome) {
            List<CachedTranslation> all = new ArrayList<>();
            StreamConfig held = translator.cachedConfig(requester);
            if (held != null) {
                all.add(
                        new CachedTranslation(
                                "configuration cache", Optional.empty(), staleConfig(held)));
            }
            StreamConfig used = held == null ? config : held;
            if (used != null && !used.ste().aborts() && !used.isIdentity()) {
                long canonical = Translator.canonical(used, iova);
                Translation.Mapping mapping =
                        translator.cached(used, requester.privileged(), canonical);
                if (mapping != null) {
                    all.add(CachedTranslation.of("IOTLB", mapping, canonical, outcome));
                }
            }
            return all;
        }

        private Optional<String> staleConfig(StreamConfig held) {
            if (config == null) {
                return Optional.of("the structures are not usable any more");
            }
            if (!held.ste().equals(config.ste())) {
                return Optional.of("the STE has changed");
            }
            return Objects.equals(held.cd(), config.cd())
                    ? Optional.empty()
                    : Optional.of("the CD has changed");
        }
    }
}
