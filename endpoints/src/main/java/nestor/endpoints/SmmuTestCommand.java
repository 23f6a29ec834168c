package nestor.endpoints;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import nestor.pci.Requester;
import nestor.vmm.register.BitField;

/** What a write of a command to a frame means, judged before anything runs. */
sealed interface SmmuTestCommand {
    /** The arguments contradict each other or the engine: FRAME_MISCONFIGURED at once. */
    record Misconfigured() implements SmmuTestCommand {}

    /** Work to do. */
    enum Operation {
        MEMCPY(2),
        RAND48(3),
        SUM64(4);

        private final int code;

        Operation(int code) {
            this.code = code;
        }

        int code() {
            return code;
        }
    }

    /**
     * A valid command.
     *
     * @param first first byte of the range, aligned down to 8 unless {@code stride} is 1
     * @param last last byte of the range, aligned up unless {@code stride} is 1
     * @param stride 1, or a multiple of 8
     * @param destination where the byte of {@code first} goes, for MEMCPY
     * @param seed order of the accesses and data of RAND48
     * @param pasid or {@link Requester#NO_PASID}
     * @param source attributes of reads
     * @param target attributes of writes
     * @param vector MSI-X vector at the end, or {@link #NO_MESSAGE}
     * @param ats whether accesses go through the ATC
     */
    record Job(
            Operation operation,
            long first,
            long last,
            long stride,
            long destination,
            int seed,
            int pasid,
            Attributes source,
            Attributes target,
            int vector,
            boolean ats)
            implements SmmuTestCommand {
        static final int NO_MESSAGE = -1;
        private static final int PAGE_LOG2 = 12;

        boolean isLinear() {
            return stride == 1;
        }

        /** Accesses of the command: pages if linear, else elements of 8 bytes. At least 1. */
        long units() {
            return isLinear()
                    ? (last >>> PAGE_LOG2) - (first >>> PAGE_LOG2) + 1
                    : Long.divideUnsigned(last - first - 7, stride) + 1;
        }

        /** First byte of a unit. */
        long unitFirst(long unit) {
            if (!isLinear()) {
                return first + unit * stride;
            }
            return unit == 0 ? first : (first >>> PAGE_LOG2) + unit << PAGE_LOG2;
        }

        /** Bytes of a unit, 1..4096. */
        int unitBytes(long unit) {
            if (!isLinear()) {
                return Long.BYTES;
            }
            long from = unitFirst(unit);
            long pageLast = from | (1L << PAGE_LOG2) - 1;
            return (int) ((unit == units() - 1 ? last : pageLast) - from + 1);
        }
    }

    /**
     * An attribute half-word, as far as it matters here.
     *
     * @param instruction reads ask for execute permission
     * @param privileged accesses are privileged
     */
    record Attributes(boolean instruction, boolean privileged) {
        private static final BitField SHAREABILITY = bits(15, 14);
        private static final BitField INSTRUCTION = bit(10);
        private static final BitField PRIVILEGED = bit(8);
        private static final BitField OUTER = bits(7, 4);
        private static final BitField INNER = bits(3, 0);
        private static final int RESERVED_SHAREABILITY = 3;

        /** Cache codes that mean something: 4, 5, 8, 9, 12 and 13 do not. */
        private static final int LEGAL_CODES = 0b1100_1100_1100_1111;

        /** Outer codes 0 and 1 are device types, whose inner field is gathering and reordering. */
        private static final int LAST_DEVICE_CODE = 1;

        static Attributes decode(int half) {
            return new Attributes(INSTRUCTION.isSet(half), PRIVILEGED.isSet(half));
        }

        static boolean isLegal(int half) {
            int outer = OUTER.getInt(half);
            return SHAREABILITY.getInt(half) != RESERVED_SHAREABILITY
                    && isLegalCode(outer)
                    && (outer <= LAST_DEVICE_CODE || isLegalCode(INNER.getInt(half)));
        }

        private static boolean isLegalCode(int code) {
            return (LEGAL_CODES >>> code & 1) != 0;
        }
    }
}
