package nestor.virtio.iommu.table;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import nestor.iommu.AccessRights;
import nestor.iommu.format.ContextDescriptor;
import nestor.iommu.format.ContextTableFormat;
import nestor.iommu.walk.DescriptorFields;
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
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.vmm.memory.GuestMemory;
import org.jspecify.annotations.Nullable;

/** What a request would meet in the tables of one domain, without making it. One request. */
final class TableExplorer {
    private static final String REPORTS = "virtio, §5.13.6.9";
    private static final int ALL_ACCESS =
            Translation.READ | Translation.WRITE | Translation.EXECUTE;

    private final TableDescriptor descriptor;
    private final GuestMemory memory;
    private final int serial;
    private final Function<TableFault, String> names;
    private final StructureLog log;
    private final ContextReader reader;
    private @Nullable Context context;
    private @Nullable ExploredWalk walked;
    private int lastPasid;
    private boolean ownEntry;

    TableExplorer(
            TableDescriptor descriptor,
            TableOptions options,
            GuestMemory memory,
            int serial,
            Function<TableFault, String> names) {
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

    WalkReport explore(Requester requester, long iova, int access, List<WalkStep> before) {
        List<WalkStep> structures = new ArrayList<>(before);
        structures.add(attached());
        lastPasid = requester.pasid() == 0 ? 0 : WalkReport.MAX_PASID; // S1DSS is of PASID 0 alone
        ContextReader.Result result = reader.read(descriptor, serial, requester.pasid());
        addContext(structures, requester.pasid());
        WalkOutcome outcome;
        List<WalkStep> steps = List.of();
        switch (result) {
            case ContextReader.Result.Refused(TableFault fault) ->
                    outcome = new WalkOutcome.Refused(names.apply(fault), REPORTS, "", 0);
            case ContextReader.Result.Found(Context found) -> {
                context = found;
                if (found.identity()) {
                    outcome = new WalkOutcome.Untranslated("S1DSS = 1");
                } else {
                    ExploredWalk walk = walk(found, requester, iova, needed(requester, access));
                    walked = walk;
                    steps = DescriptorFields.steps(walk.stage1());
                    outcome = outcome(found, requester, iova, access, walk.result());
                }
            }
        }
        return new WalkReport(
                "virtio-iommu",
                requester,
                iova,
                access,
                structures,
                steps,
                List.of(),
                outcome,
                new WalkReport.Extent(lastIova(iova), lastPasid, ownEntry),
                List.of());
    }

    private long lastIova(long iova) {
        ContextDescriptor cd = context == null ? null : context.cd();
        int bits = cd == null ? Long.SIZE : cd.addressBits();
        return walked == null ? ExploredWalk.lastOfSameWidth(iova, bits) : walked.last(iova, bits);
    }

    private static Access needed(Requester requester, int access) {
        return AccessRights.needed(access, requester.privileged());
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

    private void addContext(List<WalkStep> structures, int pasid) {
        if (!(descriptor instanceof TableDescriptor.ContextTable table)) {
            lastPasid = pasid;
            ownEntry = true;
            return;
        }
        if (!log.hasMore()) {
            return;
        }
        if (table.format().isTwoLevel()) {
            structures.add(log.next(ContextTableFormat.LEVEL1_LAYOUT, List.of()));
            lastPasid = pasid | table.format().leafEntries() - 1;
        }
        if (log.hasMore()) {
            lastPasid = pasid;
            ownEntry = true;
            WalkStep cd = log.next(ContextDescriptor.LAYOUT, List.of());
            List<Long> words = cd.words();
            structures.add(
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

    private ExploredWalk walk(Context found, Requester requester, long iova, Access access) {
        TableFormat tables = found.tables(iova);
        if (tables == null) { // EPD0, EPD1
            return none(WalkResult.Kind.TRANSLATION, iova);
        }
        if (requester.privileged() && found.privilegedRefused()) {
            return none(WalkResult.Kind.PERMISSION, iova);
        }
        return ExploredWalk.of(new PhysicalTables(memory), tables, iova, access);
    }

    private static ExploredWalk none(WalkResult.Kind kind, long iova) {
        return new ExploredWalk(WalkResult.Fault.of(kind, 1, 0, iova), List.of(), List.of());
    }

    private WalkOutcome outcome(
            Context found, Requester requester, long iova, int access, WalkResult result) {
        boolean privileged = requester.privileged();
        Access all = Access.upTo(AccessRights.permissions(ALL_ACCESS, privileged));
        int granted =
                walk(found, requester, iova, all).result() instanceof WalkResult.Mapping mapping
                        ? AccessRights.granted(mapping.permissions(), privileged)
                        : 0;
        return switch (result) {
            case WalkResult.Fault fault -> refused(found, fault.kind(), fault.level(), granted);
            case WalkResult.Mapping mapping ->
                    privileged && found.deniesPrivileged(mapping.permissions(), access)
                            ? refused(found, WalkResult.Kind.PERMISSION, mapping.level(), granted)
                            : new WalkOutcome.Mapped(
                                    mapping.translate(iova),
                                    mapping.sizeLog2(),
                                    granted,
                                    Optional.empty());
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
