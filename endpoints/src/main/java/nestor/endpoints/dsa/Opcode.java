package nestor.endpoints.dsa;

import java.util.Optional;

/**
 * The operations (§5.3), by code, with the flags they take and the bits of quadwords 2 to 7 that
 * are reserved.
 */
enum Opcode {
    NO_OP(0x00, Flags.FENCE | Flags.COMPLETION, -1, -1, Reserved.SIZE, -1, -1, -1),
    BATCH(0x01, Flags.COMPLETION | Flags.ADDRESS_TRAFFIC_CLASSES, 0, -1, 0, -1, -1, -1),
    DRAIN(0x02, Flags.COMPLETION, -1, -1, Reserved.SIZE, -1, -1, -1),
    MEMORY_MOVE(0x03, Flags.WRITES, 0, 0, 0, -1, -1, -1),
    FILL(0x04, Flags.WRITES, 0, 0, 0, -1, -1, -1),
    COMPARE(0x05, Flags.READS | Flags.CHECK_RESULT, 0, 0, 0, Reserved.EXPECTED, -1, -1),
    COMPARE_PATTERN(0x06, Flags.READS | Flags.CHECK_RESULT, 0, 0, 0, Reserved.EXPECTED, -1, -1),
    CREATE_DELTA(0x07, Flags.WRITES | Flags.CHECK_RESULT, 0, 0, 0, 0, Reserved.HIGH, Reserved.MASK),
    APPLY_DELTA(0x08, Flags.WRITES, 0, 0, 0, Reserved.HIGH, -1, -1),
    DUALCAST(0x09, Flags.WRITES, 0, 0, 0, 0, -1, -1),
    CRC(0x10, Flags.READS | Flags.CRC, 0, -1, 0, Reserved.HIGH, 0, -1),
    COPY_CRC(0x11, Flags.WRITES | Flags.CRC, 0, 0, 0, Reserved.HIGH, 0, -1),
    DIF_CHECK(0x12, Flags.READS, 0, 0, 0, Reserved.DIF_CHECK, 0, -1),
    DIF_INSERT(0x13, Flags.WRITES, 0, 0, 0, Reserved.DIF_INSERT, -1, 0),
    DIF_STRIP(0x14, Flags.WRITES, 0, 0, 0, Reserved.DIF_CHECK, 0, -1),
    DIF_UPDATE(0x15, Flags.WRITES, 0, 0, 0, Reserved.DIF_UPDATE, 0, 0),
    CACHE_FLUSH(0x20, Flags.READS | Flags.CACHE_CONTROL, -1, 0, 0, -1, -1, -1);

    /** Masks of what is reserved in a quadword. */
    private static final class Reserved {
        static final long SIZE = 0xffff_ffffL;
        static final long HIGH = 0xffff_ffff_0000_0000L;

        /** All but bit 0 of the expected result. */
        static final long EXPECTED = ~1L;

        /** All but bits [2:0] of the expected result mask. */
        static final long MASK = ~7L;

        /** Byte 1, byte 2 [7:4] and bytes 3 to 7: the source's flags and the block size stay. */
        static final long DIF_CHECK = 0xffff_ffff_fff0_ff00L;

        /** Nothing passes through, for there is no source field: [7:3] are 7 and 4 only. */
        static final long DIF_INSERT = 0xffff_ffff_fff0_6fffL;

        /** The destination's flags [2:0]. */
        static final long DIF_UPDATE = 0xffff_ffff_fff0_0700L;
    }

    private final int code;
    private final int flags;
    private final long reserved2;
    private final long reserved3;
    private final long reserved4;
    private final long reserved5;
    private final long reserved6;
    private final long reserved7;

    Opcode(
            int code,
            int flags,
            long reserved2,
            long reserved3,
            long reserved4,
            long reserved5,
            long reserved6,
            long reserved7) {
        this.code = code;
        this.flags = flags;
        this.reserved2 = reserved2;
        this.reserved3 = reserved3;
        this.reserved4 = reserved4;
        this.reserved5 = reserved5;
        this.reserved6 = reserved6;
        this.reserved7 = reserved7;
    }

    static Optional<Opcode> of(int code) {
        for (Opcode opcode : values()) {
            if (opcode.code == code) {
                return Optional.of(opcode);
            }
        }
        return Optional.empty();
    }

    /** OPCAP: a bit for each code, all below 64. */
    static long capabilities() {
        long bits = 0;
        for (Opcode opcode : values()) {
            bits |= 1L << opcode.code;
        }
        return bits;
    }

    /** The flags of {@code descriptor} that this operation does not take. */
    int invalidFlags(Descriptor descriptor) {
        return descriptor.flags() & ~flags;
    }

    boolean hasReservedBits(Descriptor descriptor) {
        return descriptor.hasReservedBits()
                || !descriptor.isZero(2, reserved2)
                || !descriptor.isZero(3, reserved3)
                || !descriptor.isZero(4, reserved4)
                || !descriptor.isZero(5, reserved5)
                || !descriptor.isZero(6, reserved6)
                || !descriptor.isZero(7, reserved7);
    }

    /** Whether the size field counts bytes. */
    boolean transfers() {
        return this != NO_OP && this != DRAIN && this != BATCH;
    }
}
