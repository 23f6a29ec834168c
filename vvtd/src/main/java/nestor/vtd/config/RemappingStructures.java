package nestor.vtd.config;

import java.util.function.IntPredicate;
import nestor.iommu.format.PasidEntry;
import nestor.iommu.format.PasidEntry.TranslationType;
import nestor.paging.AccessTracking;
import nestor.paging.NestedWalker;
import nestor.paging.PhysicalTables;
import nestor.paging.TableMemory;
import nestor.paging.VtdSecondStage;
import nestor.paging.X86Paging;
import nestor.pci.Requester;
import nestor.vmm.memory.Doublewords;
import nestor.vmm.memory.GuestMemory;
import nestor.vtd.VtdOptions;
import nestor.vtd.VtdProperty;
import nestor.vtd.event.FaultReason;
import org.jspecify.annotations.Nullable;

/** From the root table to the configuration of a RID and PASID (§3.4, §3.5, §3.6). */
public final class RemappingStructures {
    /** CAP.SSLPS: 1 GiB leaves. */
    private static final int LARGEST_LEVEL = 3;

    private final Doublewords memory;
    private final TableMemory physical;
    private final VtdOptions options;
    private final PasidEntryFetch fetch;

    /** Where structures lie and how they are read, and what the unit can do. */
    public RemappingStructures(GuestMemory memory, VtdOptions options, PasidEntryFetch fetch) {
        this(memory, new PhysicalTables(memory), options, fetch);
    }

    /**
     * Where structures lie, and what the unit can do.
     *
     * @param physical where tables are
     * @param fetch how entries of PASID tables are read
     */
    public RemappingStructures(
            Doublewords memory, TableMemory physical, VtdOptions options, PasidEntryFetch fetch) {
        this.fetch = fetch;
        this.memory = memory;
        this.physical = physical;
        this.options = options;
    }

    /** What a requester's configuration comes to. */
    public sealed interface Result {
        /** Usable. */
        record Configured(RequesterConfig config) implements Result {}

        /** Not usable. */
        record Failed(ConfigFault fault) implements Result {}
    }

    private static Result failed(FaultReason reason, boolean faultsDisabled) {
        return new Result.Failed(new ConfigFault(reason, faultsDisabled));
    }

    /** The context entry of {@code rid} alone. */
    public RootTable.Result context(RootTable root, int rid) {
        return root.find(memory, options, rid);
    }

    /**
     * Tells {@code action} of every PASID of {@code rid} that has a present entry, until it says
     * that it has had enough; of none in legacy mode.
     */
    public void forEachPasid(RootTable root, int rid, IntPredicate action) {
        if (context(root, rid) instanceof RootTable.Result.Found(ContextEntry.Scalable entry)
                && entry.pasidEnabled()) {
            int pasids = Math.min(entry.pasids(), 1 << options.pasidBits());
            PasidTable.forEachPresent(memory, entry, pasids, action);
        }
    }

    /** The configuration of untranslated requests. */
    public Result resolve(RootTable root, Requester requester) {
        return resolve(root, requester, false);
    }

    /** The configuration of translation requests, which need TT = 1 or DTE. */
    public Result resolveForDeviceTlb(RootTable root, Requester requester) {
        return resolve(root, requester, true);
    }

    private Result resolve(RootTable root, Requester requester, boolean deviceTlb) {
        if (root.mode() == RootTable.LEGACY && requester.hasPasid()) {
            return failed(FaultReason.LEGACY_REQUEST_WITH_PASID, false);
        }
        return switch (context(root, requester.rid())) {
            case RootTable.Result.Failed(ConfigFault fault) -> new Result.Failed(fault);
            case RootTable.Result.Found(ContextEntry.Legacy entry) ->
                    deviceTlb && !entry.deviceTlb()
                            ? failed(
                                    FaultReason.BLOCKED_BY_TRANSLATION_TYPE,
                                    entry.faultProcessingDisabled())
                            : new Result.Configured(legacy(entry, requester.rid()));
            case RootTable.Result.Found(ContextEntry.Scalable entry) ->
                    deviceTlb && !entry.deviceTlb()
                            ? failed(
                                    FaultReason.DEVICE_TLB_DISABLED,
                                    entry.faultProcessingDisabled())
                            : scalable(entry, requester);
        };
    }

    private RequesterConfig legacy(ContextEntry.Legacy entry, int rid) {
        boolean passes = entry.translationType() == ContextEntry.Legacy.PASS_THROUGH;
        VtdSecondStage second =
                passes
                        ? null
                        : new VtdSecondStage(
                                entry.levels(),
                                entry.secondStagePointer(),
                                options.hostBits(),
                                LARGEST_LEVEL,
                                false,
                                AccessTracking.IGNORED,
                                !options.has(VtdProperty.SNOOP_CONTROL));
        return new RequesterConfig(
                rid,
                Requester.NO_PASID,
                entry,
                0,
                entry.domainId(),
                passes ? TranslationType.PASS_THROUGH : TranslationType.SECOND_STAGE,
                null,
                second,
                nested(second),
                TlbTag.secondStage(entry.domainId()),
                false,
                false,
                entry.faultProcessingDisabled());
    }

    private @Nullable NestedWalker nested(@Nullable VtdSecondStage second) {
        return second == null ? null : new NestedWalker(physical, second);
    }

    private Result scalable(ContextEntry.Scalable entry, Requester requester) {
        boolean fpd = entry.faultProcessingDisabled();
        int pasids = Math.min(entry.pasids(), 1 << options.pasidBits());
        int pasid = requester.pasid();
        if (!requester.hasPasid()) {
            pasid = entry.ridPasid();
            if (pasid >= pasids) {
                return failed(FaultReason.RID_PASID_INVALID, fpd);
            }
        } else if (!entry.pasidEnabled()) {
            return failed(FaultReason.PASID_DISABLED, fpd);
        } else if (pasid >= pasids) {
            return failed(FaultReason.PASID_BEYOND_DIRECTORY, fpd);
        }
        return switch (PasidTable.find(memory, options, fetch, entry, requester.rid(), pasid)) {
            case PasidTable.Result.Failed(ConfigFault fault) -> new Result.Failed(fault);
            case PasidTable.Result.Found(PasidEntry found, boolean disabled) ->
                    new Result.Configured(scalable(entry, found, requester, pasid, disabled));
        };
    }

    private RequesterConfig scalable(
            ContextEntry.Scalable context,
            PasidEntry entry,
            Requester requester,
            int pasid,
            boolean faultsDisabled) {
        X86Paging first = entry.type().hasFirstStage() ? first(entry) : null;
        VtdSecondStage second = entry.type().hasSecondStage() ? second(entry) : null;
        int did = entry.domainId();
        long tag =
                switch (entry.type()) {
                    case FIRST_STAGE -> TlbTag.firstStage(did, pasid);
                    case NESTED -> TlbTag.nested(did, pasid);
                    case SECOND_STAGE, PASS_THROUGH, RESERVED -> TlbTag.secondStage(did);
                };
        boolean userOnly = first != null;
        return new RequesterConfig(
                requester.rid(),
                requester.pasid(),
                context,
                pasid,
                did,
                entry.type(),
                first,
                second,
                nested(second),
                tag,
                options.has(VtdProperty.SUPERVISOR_REQUESTS)
                        && (!userOnly || entry.supervisorRequests()),
                options.has(VtdProperty.EXECUTE_REQUESTS) && (!userOnly || entry.executeRequests()),
                faultsDisabled);
    }

    /** §9.6: with NXE clear, bit 63 of the tables says nothing. */
    private X86Paging first(PasidEntry entry) {
        return new X86Paging(
                entry.firstStageLevels(),
                entry.firstStagePointer(),
                options.hostBits(),
                options.has(VtdProperty.GIGABYTE_PAGES),
                entry.noExecute()
                        ? X86Paging.ExecuteDisable.ENABLED
                        : X86Paging.ExecuteDisable.IGNORED,
                entry.writeProtect(),
                entry.supervisorExecutePrevention());
    }

    private VtdSecondStage second(PasidEntry entry) {
        return new VtdSecondStage(
                entry.secondStageLevels(),
                entry.secondStagePointer(),
                options.hostBits(),
                LARGEST_LEVEL,
                entry.secondStageExecuteEnabled(),
                PasidTable.tracking(entry),
                false);
    }
}
