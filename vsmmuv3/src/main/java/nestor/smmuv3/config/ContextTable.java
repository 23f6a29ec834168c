package nestor.smmuv3.config;

import static nestor.iommu.format.LegalityRules.rule;

import java.util.List;
import nestor.iommu.format.ContextDescriptor;
import nestor.iommu.format.ContextTableFormat;
import nestor.iommu.format.LegalityRules;
import nestor.paging.Access;
import nestor.paging.NestedWalker;
import nestor.paging.Permissions;
import nestor.paging.PhysicalTables;
import nestor.paging.TableMemory;
import nestor.paging.VmsaV8Stage2;
import nestor.paging.WalkResult;
import nestor.pci.Requester;
import nestor.smmuv3.SmmuV3Options;
import nestor.smmuv3.StructureFetch;
import nestor.vmm.memory.Doublewords;
import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.memory.GuestMemory;
import org.jspecify.annotations.Nullable;

/**
 * From a stream table entry to the configuration of a substream (IHI 0070, §3.3.2, §5.3, §5.4):
 * which context descriptor, found through one or two levels and, nested, through stage 2.
 */
public final class ContextTable {
    private static final Access READ = Access.of(Permissions.PRIVILEGED_READ);
    private static final Access PROBE = Access.probe(Permissions.PRIVILEGED_READ);

    private final Doublewords memory;
    private final TableMemory physical;
    private final StructureFetch structures;
    private final SmmuV3Options options;
    private final Access read;
    private final LegalityRules<ContextDescriptor, StreamTableEntry> rules;

    /** Where tables lie, and what the SMMU can do. */
    public ContextTable(GuestMemory memory, SmmuV3Options options) {
        this(memory, new PhysicalTables(memory), options.fetch(), options, READ);
    }

    /**
     * Where tables lie, and what the SMMU can do.
     *
     * @param physical where tables of stage 2 are
     * @param structures how {@code memory} is read
     */
    public ContextTable(
            Doublewords memory,
            TableMemory physical,
            StructureFetch structures,
            SmmuV3Options options) {
        this(memory, physical, structures, options, READ);
    }

    private ContextTable(
            Doublewords memory,
            TableMemory physical,
            StructureFetch structures,
            SmmuV3Options options,
            Access read) {
        this.memory = memory;
        this.physical = physical;
        this.structures = structures;
        this.options = options;
        this.read = read;
        this.rules = rules(options);
    }

    /** One that leaves no trace, in memory or in {@link SmmuV3Options#fetch}. */
    public static ContextTable probing(GuestMemory memory, SmmuV3Options options) {
        return new ContextTable(
                memory, new PhysicalTables(memory), StructureFetch.atomic64(), options, PROBE);
    }

    /** What a substream's configuration comes to. */
    public sealed interface Result {
        /** Usable. */
        record Configured(StreamConfig config) implements Result {}

        /** Not usable: the event, if the transaction records one. */
        record Failed(ConfigFault fault) implements Result {}
    }

    /** A fetch that failed on the way. */
    private static final class FetchFailed extends Exception {
        private static final long serialVersionUID = 1L;
        private final transient ConfigFault fault;

        FetchFailed(ConfigFault fault) {
            super(null, null, false, false);
            this.fault = fault;
        }
    }

    /**
     * The configuration for {@code ssid}.
     *
     * @param ste legal
     * @param sid the entry's stream
     * @param ssid a substream, or {@link Requester#NO_PASID}
     */
    public Result resolve(StreamTableEntry ste, int sid, int ssid) {
        VmsaV8Stage2 stage2 = ste.stage2() ? stage2(ste) : null;
        NestedWalker nested = stage2 == null ? null : new NestedWalker(physical, stage2);
        if (!ste.stage1()) {
            return ssid != Requester.NO_PASID && (ste.bypasses() || ste.stage2())
                    ? failed(ConfigFault.Kind.C_BAD_SUBSTREAMID)
                    : configured(StreamConfig.withoutStage1(ste, stage2, nested, options));
        }
        boolean substreams = hasSubstreams(ste);
        int index = 0;
        if (ssid != Requester.NO_PASID) {
            if (!substreams || ssid >>> ste.s1CdMax() != 0) {
                return failed(ConfigFault.Kind.C_BAD_SUBSTREAMID);
            }
            if (ssid == 0 && ste.s1Dss() == StreamTableEntry.DSS_SSID0) {
                return failed(ConfigFault.Kind.F_STREAM_DISABLED);
            }
            index = ssid;
        } else if (substreams) {
            switch (ste.s1Dss()) {
                case StreamTableEntry.DSS_BYPASS -> {
                    return configured(StreamConfig.withoutStage1(ste, stage2, nested, options));
                }
                case StreamTableEntry.DSS_SSID0 -> {}
                default -> {
                    return failed(ConfigFault.Kind.F_STREAM_DISABLED);
                }
            }
        }
        try {
            ContextDescriptor cd = fetch(ste, sid, index, substreams, nested);
            return cd.valid() && rules.kept(cd, ste)
                    ? configured(StreamConfig.withStage1(ste, cd, stage2, nested, options))
                    : failed(ConfigFault.Kind.C_BAD_CD);
        } catch (FetchFailed e) {
            return new Result.Failed(e.fault);
        }
    }

    private boolean hasSubstreams(StreamTableEntry ste) {
        return options.ssidBits() != 0 && ste.s1CdMax() != 0;
    }

    /** Where the context descriptors of an entry lie. */
    public ContextTableFormat format(StreamTableEntry ste) {
        return format(ste, hasSubstreams(ste));
    }

    private static ContextTableFormat format(StreamTableEntry ste, boolean substreams) {
        return new ContextTableFormat(
                ste.s1ContextPtr(), ste.s1Fmt(), substreams ? ste.s1CdMax() : 0);
    }

    private static Result configured(StreamConfig config) {
        return new Result.Configured(config);
    }

    private static Result failed(ConfigFault.Kind kind) {
        return new Result.Failed(ConfigFault.of(kind));
    }

    /** The tables of stage 2 of an entry that is legal and has it. */
    public VmsaV8Stage2 stage2(StreamTableEntry ste) {
        return new VmsaV8Stage2(
                ste.stage2Geometry(options),
                ste.s2ttb(),
                ste.stage2StartLevel(),
                StreamConfig.tracking(ste.s2ha(), ste.s2hd(), ste.s2affd()),
                ste.s2ptw(),
                ste.s2Fwb(),
                true);
    }

    private ContextDescriptor fetch(
            StreamTableEntry ste,
            int sid,
            int index,
            boolean substreams,
            @Nullable NestedWalker nested)
            throws FetchFailed {
        ContextTableFormat table = format(ste, substreams);
        long entry = table.entry(index);
        if (table.isTwoLevel()) {
            long gpa = physical(table.level1(index), ste, nested);
            long level1;
            try {
                level1 = memory.getLongLe(gpa);
            } catch (GuestAccessException e) {
                throw fetchAborted(gpa);
            }
            int addressBits = nested == null ? options.outputBits() : options.intermediateBits();
            if (!ContextTableFormat.isValid(level1, addressBits)) {
                throw new FetchFailed(ConfigFault.of(ConfigFault.Kind.C_BAD_SUBSTREAMID));
            }
            entry = table.entry(level1, index);
        }
        long gpa = physical(entry, ste, nested);
        try {
            long[] words = structures.fetch(memory, sid, gpa);
            return ContextDescriptor.decode(words[0], words[1], words[2], words[3]);
        } catch (GuestAccessException e) {
            throw fetchAborted(gpa);
        }
    }

    private static FetchFailed fetchAborted(long gpa) {
        return new FetchFailed(ConfigFault.fetchAborted(ConfigFault.Kind.F_CD_FETCH, gpa));
    }

    private long physical(long address, StreamTableEntry ste, @Nullable NestedWalker nested)
            throws FetchFailed {
        if (nested == null) {
            return address;
        }
        return switch (nested.walkStage2(address, read)) {
            case WalkResult.Mapping mapping -> mapping.translate(address);
            case WalkResult.Fault fault ->
                    throw new FetchFailed(
                            new ConfigFault(
                                    ConfigFault.Kind.STAGE2_OF_CD_FETCH,
                                    fault.descriptor(),
                                    fault,
                                    ste));
        };
    }

    /** §5.4.1: the fields that make it illegal; empty if it is legal. */
    public List<String> flaws(ContextDescriptor cd, StreamTableEntry ste) {
        return cd.valid() ? rules.broken(cd, ste) : List.of("V");
    }

    /** §5.4.1, of a descriptor that is valid. */
    private static LegalityRules<ContextDescriptor, StreamTableEntry> rules(SmmuV3Options smmu) {
        return new LegalityRules<>(
                List.of(
                        rule("AA64", (cd, _) -> !cd.aarch64()),
                        rule(
                                "S",
                                (cd, ste) ->
                                        cd.stall() && (!smmu.stall() || ste.s1StallDisabled())),
                        rule("ENDI", (cd, _) -> cd.bigEndian()),
                        rule("HA", (cd, _) -> cd.hardwareAccess() && smmu.hardwareUpdates() < 1),
                        rule("HD", (cd, _) -> cd.hardwareDirty() && smmu.hardwareUpdates() < 2),
                        rule("HAFT", (cd, _) -> cd.hardwareTableAccess()),
                        rule(
                                "TxSZ, TGx or TTBx",
                                (cd, _) -> !cd.hasLegalRanges(smmu.outputBits()))));
    }
}
