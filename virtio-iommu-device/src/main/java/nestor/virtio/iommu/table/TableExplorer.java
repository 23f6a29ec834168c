package nestor.virtio.iommu.table;

import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import nestor.iommu.format.ContextDescriptor;
import nestor.iommu.format.ContextTableFormat;
import nestor.iommu.walk.Exploration;
import nestor.iommu.walk.StructureLog;
import nestor.iommu.walk.WalkField;
import nestor.iommu.walk.WalkOutcome;
import nestor.iommu.walk.WalkReport;
import nestor.iommu.walk.WalkStep;
import nestor.paging.Access;
import nestor.paging.ExploredWalk;
import nestor.paging.PhysicalTables;
import nestor.paging.RehearsedTables;
import nestor.paging.TableFormat;
import nestor.paging.WalkResult;
import nestor.vmm.memory.GuestMemory;
import org.jspecify.annotations.Nullable;

/** What a request would meet in the tables of one domain, without making it. One request. */
final class TableExplorer {
    private static final String REPORTS = "virtio, §5.13.6.9";

    private final TableDescriptor descriptor;
    private final GuestMemory memory;
    private final int serial;
    private final Function<TableFault, String> names;
    private final Exploration steps;
    private final StructureLog log;
    private final ContextReader reader;
    private @Nullable Context context;

    TableExplorer(
            TableDescriptor descriptor,
            TableOptions options,
            GuestMemory memory,
            int serial,
            Function<TableFault, String> names,
            Exploration steps) {
        this.steps = steps;
        this.descriptor = descriptor;
        this.memory = memory;
        this.serial = serial;
        this.names = names;
        this.log = new StructureLog(memory, new RehearsedTables(new PhysicalTables(memory)));
        this.reader = new ContextReader(options, log);
    }

    /** What the tables say now of the request's PASID; null if it is not usable. */
    @Nullable Context context() {
        return context;
    }

    /** What becomes of the request; adds what it meets to its steps. */
    WalkOutcome explore() {
        steps.add(attached());
        // S1DSS is of PASID 0 alone.
        steps.reachesPasid(steps.requester().pasid() == 0 ? 0 : WalkReport.MAX_PASID);
        ContextReader.Result result = reader.read(descriptor, serial, steps.requester().pasid());
        addContext();
        return switch (result) {
            case ContextReader.Result.Refused(TableFault fault) ->
                    new WalkOutcome.Refused(names.apply(fault), REPORTS, "", 0);
            case ContextReader.Result.Found(Context found) -> {
                context = found;
                yield found.identity() ? new WalkOutcome.Untranslated("S1DSS = 1") : walked(found);
            }
        };
    }

    /** For {@link Exploration#report}. */
    long lastIova() {
        ContextDescriptor cd = context == null ? null : context.cd();
        return steps.lastIova(cd == null ? Long.SIZE : cd.addressBits());
    }

    /** What the driver's request said. */
    private WalkStep attached() {
        List<WalkField> fields =
                switch (descriptor) {
                    case TableDescriptor.ContextTable table ->
                            List.of(
                                    new WalkField("S1Fmt", table.s1Fmt()),
                                    new WalkField("S1DSS", table.s1Dss()),
                                    new WalkField("S1ContextPtr", table.s1ContextPtr()),
                                    new WalkField("S1CDMax", table.s1CdMax()));
                    case TableDescriptor.ArmStage1 table ->
                            List.of(
                                    new WalkField("ASID", table.asid()),
                                    new WalkField("TCR", table.tcr()),
                                    new WalkField("TTBR", table.ttbr()),
                                    new WalkField("MAIR", table.mair()));
                    case TableDescriptor.FirstStage table ->
                            List.of(
                                    new WalkField("PASID", table.rawPasid()),
                                    new WalkField("FSPTPTR", table.tableGpa()),
                                    new WalkField("flags", table.flags()),
                                    new WalkField("input bits", table.inputBits()));
                };
        return new WalkStep(
                "attached tables, " + descriptor.kind(),
                "ATTACH_TABLE",
                Optional.empty(),
                Optional.empty(),
                List.of(),
                fields,
                List.of(),
                List.of());
    }

    private void addContext() {
        if (!(descriptor instanceof TableDescriptor.ContextTable table)) {
            steps.reachesOwnEntry();
            return;
        }
        if (!log.hasMore()) {
            return;
        }
        if (table.format().isTwoLevel()) {
            steps.add(log.next(ContextTableFormat.LEVEL1_LAYOUT, List.of()));
            steps.reachesPasid(steps.requester().pasid() | table.format().leafEntries() - 1);
        }
        if (log.hasMore()) {
            steps.reachesOwnEntry();
            WalkStep cd = log.next(ContextDescriptor.LAYOUT, List.of());
            List<Long> words = cd.words();
            steps.add(
                    words.size() < ContextDescriptor.LAYOUT.words()
                            ? cd
                            : cd.with(
                                    reader.flaws(
                                            ContextDescriptor.decode(
                                                    words.get(0),
                                                    words.get(1),
                                                    words.get(2),
                                                    words.get(3)))));
        }
    }

    private ExploredWalk walk(Context found, Access access) {
        long iova = steps.iova();
        TableFormat tables = found.tables(iova);
        if (tables == null) { // EPD0, EPD1
            return none(WalkResult.Kind.TRANSLATION, iova);
        }
        if (steps.requester().privileged() && found.privilegedRefused()) {
            return none(WalkResult.Kind.PERMISSION, iova);
        }
        return ExploredWalk.of(new PhysicalTables(memory), tables, iova, access);
    }

    private static ExploredWalk none(WalkResult.Kind kind, long iova) {
        return ExploredWalk.refused(WalkResult.Fault.of(kind, 1, 0, iova));
    }

    private WalkOutcome walked(Context found) {
        boolean privileged = steps.requester().privileged();
        Exploration.Walked walked = steps.walk(privileged, wanted -> walk(found, wanted));
        int granted = walked.granted();
        return switch (walked.result()) {
            case WalkResult.Fault fault -> refused(found, fault.kind(), fault.level(), granted);
            case WalkResult.Mapping mapping ->
                    privileged && found.deniesPrivileged(mapping.permissions(), steps.access())
                            ? refused(found, WalkResult.Kind.PERMISSION, mapping.level(), granted)
                            : steps.mapped(mapping, granted, Optional.empty());
        };
    }

    private WalkOutcome refused(Context found, WalkResult.Kind kind, int level, int granted) {
        TableFault fault = TableFault.of(kind);
        boolean quiet = fault != TableFault.WALK_EABT && found.isQuiet();
        return new WalkOutcome.Refused(
                names.apply(fault),
                REPORTS,
                "%s at level %d%s".formatted(kind, level, quiet ? "; not reported" : ""),
                granted);
    }
}
