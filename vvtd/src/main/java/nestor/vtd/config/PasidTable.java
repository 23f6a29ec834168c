package nestor.vtd.config;

import static nestor.iommu.walk.StructureLayout.address;
import static nestor.iommu.walk.StructureLayout.field;
import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import java.util.List;
import java.util.function.IntPredicate;
import nestor.iommu.format.PasidEntry;
import nestor.iommu.walk.StructureLayout;
import nestor.paging.AccessTracking;
import nestor.vmm.memory.Doublewords;
import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.register.BitField;
import nestor.vtd.VtdOptions;
import nestor.vtd.VtdProperty;
import nestor.vtd.event.FaultReason;

/**
 * From a scalable-mode context entry to a PASID-table entry (§3.4.3, §9.5, §9.6), through the PASID
 * directory.
 */
public final class PasidTable {
    /** A PASID directory entry (§9.5). */
    private static final BitField P = bit(0);

    private static final BitField FPD = bit(1);
    private static final BitField RESERVED = bits(11, 2);
    private static final BitField POINTER = bits(63, 12);

    /** The fields of a directory entry by name. */
    public static final StructureLayout DIRECTORY_LAYOUT =
            new StructureLayout(
                    "PASID directory entry",
                    "VT-d, §9.5",
                    1,
                    List.of(
                            field("P", 0, P),
                            field("FPD", 0, FPD),
                            address("SMPTBLPTR", 0, POINTER)));

    /** PASIDs under one directory entry. */
    static final int TABLE_LOG2 = 6;

    /** The same, as a number. */
    public static final int ENTRIES = 1 << TABLE_LOG2;

    private PasidTable() {}

    /** What a search comes to. */
    public sealed interface Result {
        /**
         * An entry that is present and legal.
         *
         * @param faultsDisabled FPD of the entry or of the directory entry before it
         */
        record Found(PasidEntry entry, boolean faultsDisabled) implements Result {}

        /** None. */
        record Failed(ConfigFault fault) implements Result {}
    }

    /**
     * Finds the entry of {@code pasid}.
     *
     * @param pasid below {@link ContextEntry.Scalable#pasids}
     */
    static Result find(
            Doublewords memory,
            VtdOptions options,
            PasidEntryFetch fetch,
            ContextEntry.Scalable context,
            int rid,
            int pasid) {
        boolean fpd = context.faultProcessingDisabled();
        long directory;
        try {
            directory =
                    memory.getLongLe(
                            context.directoryPointer() + (long) (pasid >>> TABLE_LOG2) * 8);
        } catch (GuestAccessException e) {
            return failed(FaultReason.PASID_DIRECTORY_ACCESS, fpd);
        }
        fpd |= FPD.isSet(directory);
        if (!P.isSet(directory)) {
            return failed(FaultReason.PASID_DIRECTORY_NOT_PRESENT, fpd);
        }
        long table = POINTER.getInPlace(directory);
        if (RESERVED.isSet(directory) || table >>> options.hostBits() != 0) {
            return failed(FaultReason.PASID_DIRECTORY_RESERVED, fpd);
        }
        PasidEntry entry;
        try {
            int index = pasid & (1 << TABLE_LOG2) - 1;
            entry =
                    PasidEntry.decode(
                            fetch.words(memory, rid, table + (long) index * PasidEntry.BYTES));
        } catch (GuestAccessException e) {
            return failed(FaultReason.PASID_ENTRY_ACCESS, fpd);
        }
        fpd |= entry.faultProcessingDisabled();
        if (!entry.present()) {
            return failed(FaultReason.PASID_ENTRY_NOT_PRESENT, fpd);
        }
        if (!isReservedZero(entry, options)) {
            return failed(FaultReason.PASID_ENTRY_RESERVED, fpd);
        }
        return isValid(entry, options)
                ? new Result.Found(entry, fpd)
                : failed(FaultReason.PASID_ENTRY_INVALID, fpd);
    }

    /**
     * Tells {@code action} of every PASID whose entry is present, legal or not, in ascending order,
     * until it says that it has had enough.
     *
     * @param pasids one more than the largest PASID to look for
     */
    public static void forEachPresent(
            Doublewords memory, ContextEntry.Scalable context, int pasids, IntPredicate action) {
        for (int first = 0; first < pasids; first += 1 << TABLE_LOG2) {
            try {
                long directory =
                        memory.getLongLe(
                                context.directoryPointer() + (long) (first >>> TABLE_LOG2) * 8);
                if (P.isSet(directory)
                        && !forEachPresent(memory, POINTER.getInPlace(directory), first, action)) {
                    return;
                }
            } catch (GuestAccessException e) {
                // Nothing is bound there.
            }
        }
    }

    private static boolean forEachPresent(
            Doublewords memory, long table, int first, IntPredicate action)
            throws GuestAccessException {
        for (int index = 0; index < 1 << TABLE_LOG2; index++) {
            long qw0 = memory.getLongLe(table + (long) index * PasidEntry.BYTES);
            if (P.isSet(qw0) && !action.test(first + index)) {
                return false;
            }
        }
        return true;
    }

    private static Result failed(FaultReason reason, boolean faultsDisabled) {
        return new Result.Failed(new ConfigFault(reason, faultsDisabled));
    }

    /** §9.6: what belongs to an absent feature is reserved; a pointer that is not used is not. */
    private static boolean isReservedZero(PasidEntry entry, VtdOptions options) {
        int hostBits = options.hostBits();
        return entry.reservedZero()
                && !(entry.type().hasFirstStage() && entry.firstStagePointer() >>> hostBits != 0)
                && !(entry.type().hasSecondStage() && entry.secondStagePointer() >>> hostBits != 0)
                && !(entry.secondStageAccessDirty() && !options.has(VtdProperty.ACCESS_DIRTY))
                && !(entry.pageSnoop() && !options.has(VtdProperty.SNOOP_CONTROL))
                && !(entry.supervisorRequests() && !options.has(VtdProperty.SUPERVISOR_REQUESTS))
                && !(entry.executeRequests() && !options.has(VtdProperty.EXECUTE_REQUESTS))
                && !entry.extendedAccessed();
    }

    private static boolean isValid(PasidEntry entry, VtdOptions options) {
        boolean hasType =
                switch (entry.type()) {
                    case FIRST_STAGE -> options.has(VtdProperty.FIRST_STAGE);
                    case SECOND_STAGE -> options.has(VtdProperty.SECOND_STAGE);
                    case NESTED -> options.has(VtdProperty.NESTED);
                    case PASS_THROUGH -> options.has(VtdProperty.PASS_THROUGH);
                    case RESERVED -> false;
                };
        int firstLevels = options.has(VtdProperty.FIVE_LEVEL) ? 5 : 4;
        return hasType
                && !(entry.type().hasFirstStage()
                        && (entry.firstStageLevels() == 0
                                || entry.firstStageLevels() > firstLevels))
                && !(entry.type().hasSecondStage()
                        && !options.hasSecondStageLevels(entry.secondStageLevels()));
    }

    static AccessTracking tracking(PasidEntry entry) {
        return entry.secondStageAccessDirty()
                ? AccessTracking.HARDWARE_DIRTY
                : AccessTracking.IGNORED;
    }
}
