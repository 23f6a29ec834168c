package nestor.endpoints.dsa;

/**
 * What a DSA is made of: what its capability registers say (§3).
 *
 * @param workQueues 1..16
 * @param workQueueEntries Total WQ Size, 1..4096: descriptors that all work queues hold together
 * @param groups 1..8
 * @param engines 1..8
 * @param readBuffers 1..255
 * @param maxTransferLog2 log2 of the Maximum Transfer Size in bytes, 12..31
 * @param maxBatchLog2 log2 of the Maximum Batch Size in descriptors, 1..15
 * @param atcEntries translations that are cached: 0..8, or 8 times a power of two up to 2^20
 * @param translation what the function does about addresses
 * @param interruptHandles how descriptors name an MSI-X entry
 */
public record DsaOptions(
        int workQueues,
        int workQueueEntries,
        int groups,
        int engines,
        int readBuffers,
        int maxTransferLog2,
        int maxBatchLog2,
        int atcEntries,
        TranslationServices translation,
        InterruptHandles interruptHandles) {
    public static final int MAX_WORK_QUEUES = 16;
    public static final int MAX_WORK_QUEUE_ENTRIES = 4096;
    public static final int MAX_GROUPS = 8;
    public static final int MAX_ENGINES = 8;
    public static final int MAX_READ_BUFFERS = 255;
    public static final int MIN_TRANSFER_LOG2 = 12;
    public static final int MAX_TRANSFER_LOG2 = 31;
    public static final int MAX_BATCH_LOG2 = 15;

    /** Eight work queues of 64 entries, four groups, four engines, 2 MiB, batches of 1024. */
    public static final DsaOptions DEFAULT =
            new DsaOptions(
                    8,
                    64,
                    4,
                    4,
                    32,
                    21,
                    10,
                    1024,
                    TranslationServices.ATS_AND_PRI,
                    InterruptHandles.TABLE_INDEX);

    private static final int ATC_WAYS = 8;
    private static final int MAX_ATC_ENTRIES = 1 << 20;

    /** Which of the two capabilities the function has. */
    public enum TranslationServices {
        /** Untranslated requests only; nothing blocks on a fault. */
        NONE,
        /** Translated requests; nothing blocks on a fault. */
        ATS,
        /** Translated requests, and page requests. */
        ATS_AND_PRI;

        boolean ats() {
            return this != NONE;
        }

        boolean pri() {
            return this == ATS_AND_PRI;
        }
    }

    /** How descriptors name the MSI-X entry of their interrupt. */
    public enum InterruptHandles {
        /** By its index; Request and Release Interrupt Handle do not exist. */
        TABLE_INDEX,
        /** By a handle that a command gave. */
        REQUESTED
    }

    public DsaOptions {
        check("work queues", workQueues, 1, MAX_WORK_QUEUES);
        check("work queue entries", workQueueEntries, 1, MAX_WORK_QUEUE_ENTRIES);
        check("groups", groups, 1, MAX_GROUPS);
        check("engines", engines, 1, MAX_ENGINES);
        check("read buffers", readBuffers, 1, MAX_READ_BUFFERS);
        check("log2 of the transfer size", maxTransferLog2, MIN_TRANSFER_LOG2, MAX_TRANSFER_LOG2);
        check("log2 of the batch size", maxBatchLog2, 1, MAX_BATCH_LOG2);
        if (!isAtcSize(atcEntries)) {
            throw new IllegalArgumentException("no size of an ATC: " + atcEntries);
        }
    }

    /** Whether {@code entries} is a number of translations that the device can be made with. */
    public static boolean isAtcSize(long entries) {
        return entries >= 0 && entries <= ATC_WAYS
                || entries <= MAX_ATC_ENTRIES
                        && entries % ATC_WAYS == 0
                        && Long.bitCount(entries / ATC_WAYS) == 1;
    }

    public DsaOptions withAtcEntries(int count) {
        return new DsaOptions(
                workQueues,
                workQueueEntries,
                groups,
                engines,
                readBuffers,
                maxTransferLog2,
                maxBatchLog2,
                count,
                translation,
                interruptHandles);
    }

    public DsaOptions withTranslation(TranslationServices services) {
        return new DsaOptions(
                workQueues,
                workQueueEntries,
                groups,
                engines,
                readBuffers,
                maxTransferLog2,
                maxBatchLog2,
                atcEntries,
                services,
                interruptHandles);
    }

    public DsaOptions withInterruptHandles(InterruptHandles handles) {
        return new DsaOptions(
                workQueues,
                workQueueEntries,
                groups,
                engines,
                readBuffers,
                maxTransferLog2,
                maxBatchLog2,
                atcEntries,
                translation,
                handles);
    }

    int atcWays() {
        return Math.min(ATC_WAYS, Math.max(1, atcEntries));
    }

    /** Vector 0 is for the device, n + 1 for work queue n. */
    int vectors() {
        return workQueues + 1;
    }

    private static void check(String what, int value, int min, int max) {
        if (value < min || value > max) {
            throw new IllegalArgumentException(
                    "%s: %d is not in %d..%d".formatted(what, value, min, max));
        }
    }
}
