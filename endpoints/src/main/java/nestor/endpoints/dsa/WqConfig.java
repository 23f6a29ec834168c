package nestor.endpoints.dsa;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import nestor.pci.AtsPort;
import nestor.pci.Requester;
import nestor.vmm.register.BitField;

/**
 * A WQCFG entry as it was when its work queue was enabled (§3.5).
 *
 * @param size entries
 * @param threshold of occupancy from which limited portals answer Retry
 * @param mode dedicated or shared
 * @param blockOnFault its descriptors may block on page faults
 * @param atsDisabled its requests are untranslated
 * @param prsDisabled it sends no page requests
 * @param priority 1..15
 * @param pasidEnabled its requests carry a PASID
 * @param pasid of a dedicated work queue
 * @param privileged of a dedicated work queue; of a shared one, whether descriptors may be
 * @param maxTransferLog2 log2 of the bytes of a transfer
 * @param maxBatchLog2 log2 of the descriptors of a batch
 */
record WqConfig(
        int size,
        int threshold,
        Mode mode,
        boolean blockOnFault,
        boolean atsDisabled,
        boolean prsDisabled,
        int priority,
        boolean pasidEnabled,
        int pasid,
        boolean privileged,
        int maxTransferLog2,
        int maxBatchLog2) {
    /** Who submits, and how. */
    enum Mode {
        /** One client, by posted writes. */
        DEDICATED,
        /** Many, by deferrable writes. */
        SHARED
    }

    /** Dword 0. */
    static final BitField SIZE = bits(15, 0);

    /** Dword 1. */
    static final BitField THRESHOLD = bits(15, 0);

    /** Dword 2. */
    static final BitField DEDICATED = bit(0);

    static final BitField BLOCK_ON_FAULT = bit(1);
    static final BitField ATS_DISABLE = bit(2);
    static final BitField PRS_DISABLE = bit(3);
    static final BitField PRIORITY = bits(7, 4);
    static final BitField PASID = bits(27, 8);
    static final BitField PASID_ENABLE = bit(28);
    static final BitField PRIVILEGED = bit(29);

    /** Dword 3. */
    static final BitField MAX_TRANSFER_LOG2 = bits(4, 0);

    static final BitField MAX_BATCH_LOG2 = bits(8, 5);

    /** Dword 6: read-only. */
    static final BitField OCCUPANCY = bits(15, 0);

    static final BitField STATE = bits(31, 30);

    static final int DWORDS = DsaRegisters.WQCFG_BYTES / Integer.BYTES;
    static final int STATUS_DWORD = 6;

    /** What software can write in dword {@code index} while the work queue is disabled. */
    static int writable(int index, DsaOptions options) {
        return switch (index) {
            case 0 -> (int) SIZE.mask();
            case 1 -> (int) THRESHOLD.mask();
            case 2 -> {
                long mask = bits(29, 0).mask();
                mask = options.translation().ats() ? mask : ATS_DISABLE.clear(mask);
                yield (int) (options.translation().pri() ? mask : PRS_DISABLE.clear(mask));
            }
            case 3 -> (int) (MAX_TRANSFER_LOG2.mask() | MAX_BATCH_LOG2.mask());
            default -> 0;
        };
    }

    /** Decodes the entry that starts at {@code at}. */
    static WqConfig decode(int[] dwords, int at) {
        int flags = dwords[at + 2];
        return new WqConfig(
                SIZE.getInt(dwords[at]),
                THRESHOLD.getInt(dwords[at + 1]),
                DEDICATED.isSet(flags) ? Mode.DEDICATED : Mode.SHARED,
                BLOCK_ON_FAULT.isSet(flags),
                ATS_DISABLE.isSet(flags),
                PRS_DISABLE.isSet(flags),
                PRIORITY.getInt(flags),
                PASID_ENABLE.isSet(flags),
                PASID.getInt(flags),
                PRIVILEGED.isSet(flags),
                MAX_TRANSFER_LOG2.getInt(dwords[at + 3]),
                MAX_BATCH_LOG2.getInt(dwords[at + 3]));
    }

    boolean isShared() {
        return mode == Mode.SHARED;
    }

    /**
     * What Enable WQ says about it, in the order of the codes (§4.2).
     *
     * @param free entries that no enabled work queue has
     * @return a code of {@link CommandError}
     */
    int check(DsaOptions options, int free, AtsPort port) {
        if (size == 0 || size > free) {
            return CommandError.WQ_SIZE;
        }
        if (priority == 0) {
            return CommandError.WQ_PRIORITY;
        }
        if (isShared() && (threshold == 0 || threshold > size)) {
            return CommandError.WQ_MODE;
        }
        if (blockOnFault && (!options.translation().pri() || prsDisabled)) {
            return CommandError.WQ_BLOCK_ON_FAULT;
        }
        boolean possible = port.admits(new Requester(0, isShared() ? 0 : pasid, privileged));
        if (pasidEnabled ? !possible : isShared()) {
            return CommandError.WQ_PASID;
        }
        if (maxBatchLog2 > options.maxBatchLog2()) {
            return CommandError.WQ_MAX_BATCH;
        }
        return maxTransferLog2 > options.maxTransferLog2()
                ? CommandError.WQ_MAX_TRANSFER
                : CommandError.NONE;
    }
}
