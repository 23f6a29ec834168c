package nestor.virtio.iommu.table;

import static nestor.iommu.format.LegalityRules.rule;

import java.util.List;
import nestor.iommu.format.ContextDescriptor;
import nestor.iommu.format.ContextTableFormat;
import nestor.iommu.format.LegalityRules;
import nestor.iommu.host.Stage1;
import nestor.paging.X86Paging;
import nestor.pci.Requester;
import nestor.vmm.memory.Doublewords;
import nestor.vmm.memory.GuestAccessException;

/** From what was attached to the context of one PASID. Any thread; holds no state. */
final class ContextReader {
    /**
     * IHI 0070, §5.4.1, of a valid descriptor, for an SMMU that neither stalls nor reads big-endian
     * tables.
     */
    private static final LegalityRules<ContextDescriptor, TableOptions> RULES =
            new LegalityRules<>(
                    List.of(
                            rule("AA64", (cd, _) -> !cd.aarch64()),
                            rule("A", (cd, _) -> !cd.abort()),
                            rule("S", (cd, _) -> cd.stall()),
                            rule("ENDI", (cd, _) -> cd.bigEndian()),
                            rule("HAFT", (cd, _) -> cd.hardwareTableAccess()),
                            rule(
                                    "TxSZ, TGx or TTBx",
                                    (cd, smmu) -> !cd.hasLegalRanges(smmu.outputBits()))));

    private final TableOptions options;
    private final Doublewords memory;
    private final Fetch fetch;

    /** How Context descriptors are read. */
    @FunctionalInterface
    interface Fetch {
        /**
         * Reads one.
         *
         * @param index its number in the table
         */
        ContextDescriptor descriptor(int index, long gpa) throws GuestAccessException;
    }

    /** Reads what is there now. */
    ContextReader(TableOptions options, Doublewords memory) {
        this(options, memory, (_, gpa) -> ContextDescriptor.read(memory, gpa));
    }

    ContextReader(TableOptions options, Doublewords memory, Fetch fetch) {
        this.options = options;
        this.memory = memory;
        this.fetch = fetch;
    }

    /** What a PASID's context comes to. */
    sealed interface Result {
        /** Usable. */
        record Found(Context context) implements Result {}

        /** There is none. */
        record Refused(TableFault fault) implements Result {}
    }

    private static final Result NONE = new Result.Refused(TableFault.NO_CONTEXT);

    /**
     * The context of {@code pasid}.
     *
     * @param descriptor without a flaw
     * @param serial of the domain
     * @param pasid or {@link Requester#NO_PASID}
     */
    Result read(TableDescriptor descriptor, int serial, int pasid) {
        return switch (descriptor) {
            case TableDescriptor.ContextTable table -> read(table, serial, pasid);
            case TableDescriptor.ArmStage1 table -> read(table, serial, pasid);
            case TableDescriptor.FirstStage table -> read(table, serial, pasid);
        };
    }

    private Result read(TableDescriptor.ArmStage1 table, int serial, int pasid) {
        if (pasid != Requester.NO_PASID) {
            return NONE;
        }
        ContextDescriptor cd = table.context();
        long tag = SpaceTag.of(serial, 0, cd.asid());
        return new Result.Found(Context.of(cd, tag, options.outputBits()));
    }

    private Result read(TableDescriptor.FirstStage table, int serial, int pasid) {
        if (pasid != table.pasid()) {
            return NONE;
        }
        var format =
                new X86Paging(
                        table.inputBits() == TableDescriptor.FirstStage.FIVE_LEVELS ? 5 : 4,
                        table.tableGpa(),
                        options.outputBits(),
                        true,
                        X86Paging.ExecuteDisable.ENABLED,
                        table.isSet(Stage1.VtdFirstStage.WRITE_PROTECT),
                        false);
        long tag = SpaceTag.of(serial, table.rawPasid(), 0);
        boolean supervisor = table.isSet(Stage1.VtdFirstStage.SUPERVISOR_REQUESTS);
        return new Result.Found(Context.of(format, tag, supervisor));
    }

    /** IHI 0070, §3.3.2: the descriptor's number, from S1CDMax, S1DSS and the PASID. */
    private Result read(TableDescriptor.ContextTable table, int serial, int pasid) {
        if (pasid == Requester.NO_PASID) {
            if (table.s1CdMax() != 0) {
                if (table.s1Dss() == TableDescriptor.ContextTable.DSS_BYPASS) {
                    return new Result.Found(Context.IDENTITY);
                }
                if (table.s1Dss() == TableDescriptor.ContextTable.DSS_TERMINATE) {
                    return NONE;
                }
            }
            return fetch(table, serial, 0);
        }
        boolean taken = pasid == 0 && table.s1Dss() == TableDescriptor.ContextTable.DSS_SSID0;
        return taken || table.s1CdMax() == 0 || pasid >>> table.s1CdMax() != 0
                ? NONE
                : fetch(table, serial, pasid);
    }

    private Result fetch(TableDescriptor.ContextTable table, int serial, int index) {
        ContextTableFormat format = table.format();
        try {
            long entry = format.entry(index);
            if (format.isTwoLevel()) {
                long level1 = memory.getLongLe(format.level1(index));
                if (!ContextTableFormat.isValid(level1, options.outputBits())) {
                    return NONE;
                }
                entry = format.entry(level1, index);
            }
            ContextDescriptor cd = fetch.descriptor(index, entry);
            return cd.valid() && RULES.kept(cd, options)
                    ? new Result.Found(
                            Context.of(
                                    cd,
                                    SpaceTag.of(serial, index, cd.asid()),
                                    options.outputBits()))
                    : NONE;
        } catch (GuestAccessException e) {
            return new Result.Refused(TableFault.WALK_EABT);
        }
    }

    /** The fields that make a descriptor illegal; empty if it is legal. */
    List<String> flaws(ContextDescriptor cd) {
        return cd.valid() ? RULES.broken(cd, options) : List.of("V");
    }
}
