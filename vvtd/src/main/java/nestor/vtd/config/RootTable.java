package nestor.vtd.config;

import static nestor.iommu.walk.StructureLayout.address;
import static nestor.iommu.walk.StructureLayout.field;
import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import java.util.List;
import nestor.iommu.walk.StructureLayout;
import nestor.vmm.memory.Doublewords;
import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.register.BitField;
import nestor.vtd.VtdOptions;
import nestor.vtd.VtdProperty;
import nestor.vtd.event.FaultReason;

/**
 * The root table as SRTP latched it, and the way from there to a context entry (§3.4.3, §9.1,
 * §9.2).
 *
 * @param base an address
 * @param mode RTADDR_REG.TTM
 */
public record RootTable(long base, int mode) {
    /** TTM. */
    public static final int LEGACY = 0;

    public static final int SCALABLE = 1;

    private static final BitField P = bit(0);
    private static final BitField RESERVED = bits(11, 1);
    private static final BitField POINTER = bits(63, 12);

    private static final int ENTRY_BYTES = 16;

    /** The fields of an entry by name. */
    public static final StructureLayout LEGACY_LAYOUT =
            new StructureLayout(
                    "root entry",
                    "VT-d, §9.1",
                    2,
                    List.of(field("P", 0, P), address("CTP", 0, POINTER)));

    /** The fields of the half of an entry that a device number selects. */
    public static final StructureLayout SCALABLE_LAYOUT =
            new StructureLayout(
                    "scalable-mode root entry",
                    "VT-d, §9.2",
                    1,
                    List.of(field("LP/UP", 0, P), address("LCTP/UCTP", 0, POINTER)));

    /** Device and function numbers of one scalable-mode context table. */
    private static final int HALF = 0x80;

    /** What a search comes to. */
    public sealed interface Result {
        /** A context entry that is present and legal. */
        record Found(ContextEntry entry) implements Result {}

        /** None. */
        record Failed(ConfigFault fault) implements Result {}
    }

    private static Result failed(FaultReason reason) {
        return new Result.Failed(new ConfigFault(reason, false));
    }

    /** Whether requests and queues can work in this mode at all. */
    public boolean isValid(VtdOptions options) {
        return mode == LEGACY || mode == SCALABLE && options.has(VtdProperty.SCALABLE_MODE);
    }

    /** Finds the context entry of {@code rid}. */
    public Result find(Doublewords memory, VtdOptions options, int rid) {
        if (!isValid(options)) {
            return failed(FaultReason.RTADDR_INVALID);
        }
        return mode == LEGACY ? legacy(memory, options, rid) : scalable(memory, options, rid);
    }

    private Result legacy(Doublewords memory, VtdOptions options, int rid) {
        long low;
        long high;
        try {
            long root = base + (long) (rid >> 8) * ENTRY_BYTES;
            low = memory.getLongLe(root);
            high = memory.getLongLe(root + 8);
        } catch (GuestAccessException e) {
            return failed(FaultReason.ROOT_ACCESS);
        }
        if (!P.isSet(low)) {
            return failed(FaultReason.ROOT_NOT_PRESENT);
        }
        long table = POINTER.getInPlace(low);
        if (RESERVED.isSet(low) || high != 0 || table >>> options.hostBits() != 0) {
            return failed(FaultReason.ROOT_RESERVED);
        }
        ContextEntry.Legacy entry;
        try {
            long at = table + (long) (rid & 0xff) * ContextEntry.LEGACY_BYTES;
            entry = ContextEntry.legacy(memory.getLongLe(at), memory.getLongLe(at + 8));
        } catch (GuestAccessException e) {
            return failed(FaultReason.CONTEXT_ACCESS);
        }
        return judge(entry, options);
    }

    private static Result judge(ContextEntry.Legacy entry, VtdOptions options) {
        FaultReason reason = null;
        if (!entry.present()) {
            reason = FaultReason.CONTEXT_NOT_PRESENT;
        } else if (!entry.reservedZero()
                || entry.secondStagePointer() >>> options.hostBits() != 0) {
            reason = FaultReason.CONTEXT_RESERVED;
        } else if (!options.hasSecondStageLevels(entry.levels()) || !hasType(entry, options)) {
            reason = FaultReason.CONTEXT_INVALID;
        }
        return reason == null
                ? new Result.Found(entry)
                : new Result.Failed(new ConfigFault(reason, entry.faultProcessingDisabled()));
    }

    private static boolean hasType(ContextEntry.Legacy entry, VtdOptions options) {
        return switch (entry.translationType()) {
            case ContextEntry.Legacy.UNTRANSLATED -> true;
            case ContextEntry.Legacy.DEVICE_TLB -> options.has(VtdProperty.DEVICE_IOTLB);
            case ContextEntry.Legacy.PASS_THROUGH -> options.has(VtdProperty.PASS_THROUGH);
            default -> false;
        };
    }

    private Result scalable(Doublewords memory, VtdOptions options, int rid) {
        int devfn = rid & 0xff;
        long pointer;
        try {
            long root = base + (long) (rid >> 8) * ENTRY_BYTES;
            pointer = memory.getLongLe(devfn < HALF ? root : root + 8);
        } catch (GuestAccessException e) {
            return failed(FaultReason.SM_ROOT_ACCESS);
        }
        if (!P.isSet(pointer)) {
            return failed(FaultReason.SM_ROOT_NOT_PRESENT);
        }
        long table = POINTER.getInPlace(pointer);
        if (RESERVED.isSet(pointer) || table >>> options.hostBits() != 0) {
            return failed(FaultReason.SM_ROOT_RESERVED);
        }
        ContextEntry.Scalable entry;
        try {
            long at = table + (long) (devfn % HALF) * ContextEntry.SCALABLE_BYTES;
            entry =
                    ContextEntry.scalable(
                            memory.getLongLe(at),
                            memory.getLongLe(at + 8),
                            memory.getLongLe(at + 16) | memory.getLongLe(at + 24));
        } catch (GuestAccessException e) {
            return failed(FaultReason.SM_CONTEXT_ACCESS);
        }
        FaultReason reason = null;
        if (!entry.present()) {
            reason = FaultReason.SM_CONTEXT_NOT_PRESENT;
        } else if (!isLegal(entry, options)) {
            reason = FaultReason.SM_CONTEXT_RESERVED;
        }
        return reason == null
                ? new Result.Found(entry)
                : new Result.Failed(new ConfigFault(reason, entry.faultProcessingDisabled()));
    }

    /** §9.4: what belongs to an absent feature is reserved. */
    private static boolean isLegal(ContextEntry.Scalable entry, VtdOptions options) {
        return entry.reservedZero()
                && entry.directoryPointer() >>> options.hostBits() == 0
                && (!entry.deviceTlb() || options.has(VtdProperty.DEVICE_IOTLB))
                && (!entry.pasidEnabled() || options.has(VtdProperty.SVM))
                && (!entry.pageRequests() || options.has(VtdProperty.PRI));
    }
}
