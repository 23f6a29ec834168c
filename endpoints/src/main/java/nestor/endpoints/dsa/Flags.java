package nestor.endpoints.dsa;

/** Descriptor flags, bits [23:0] of its second dword (§5.2). */
final class Flags {
    static final int FENCE = 1;
    static final int BLOCK_ON_FAULT = 1 << 1;
    static final int COMPLETION_ADDRESS_VALID = 1 << 2;
    static final int REQUEST_COMPLETION = 1 << 3;
    static final int REQUEST_INTERRUPT = 1 << 4;
    static final int COMPLETION_STEERING = 1 << 5;
    static final int CHECK_RESULT = 1 << 7;
    static final int CACHE_CONTROL = 1 << 8;
    static final int ADDRESS_TRAFFIC_CLASSES = 7 << 9;
    static final int COMPLETION_TRAFFIC_CLASS = 1 << 12;
    static final int STRICT_ORDERING = 1 << 13;
    static final int DESTINATION_STEERING = 1 << 15;

    /** Of CRC generation. */
    static final int READ_SEED = 1 << 16;

    static final int BYPASS_INVERSION = 1 << 17;
    static final int BYPASS_DATA_REFLECTION = 1 << 18;

    /** What every descriptor may say. */
    static final int COMPLETION =
            COMPLETION_ADDRESS_VALID
                    | REQUEST_COMPLETION
                    | REQUEST_INTERRUPT
                    | COMPLETION_STEERING
                    | COMPLETION_TRAFFIC_CLASS;

    /** What one that reads memory may say. */
    static final int READS = FENCE | BLOCK_ON_FAULT | ADDRESS_TRAFFIC_CLASSES | COMPLETION;

    /** What one that writes memory may say. Steering and caching have no effect here. */
    static final int WRITES = READS | CACHE_CONTROL | STRICT_ORDERING | DESTINATION_STEERING;

    static final int CRC = READ_SEED | BYPASS_INVERSION | BYPASS_DATA_REFLECTION;

    private Flags() {}
}
