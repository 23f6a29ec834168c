package nestor.vtd;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.register.BitField;

/**
 * A posted interrupt descriptor in memory (§9.12): 256 requests, and whom to notify. Its two
 * writers are this unit and a processor, so every change is a compare-and-exchange.
 */
final class PostedDescriptor {
    /** Quadword 4. */
    private static final BitField ON = bit(0);

    private static final BitField SN = bit(1);
    private static final BitField RESERVED_LOW = bits(15, 2);
    private static final BitField NV = bits(23, 16);
    private static final BitField RESERVED_HIGH = bits(31, 24);
    private static final BitField NDST = bits(63, 32);

    private static final long CONTROL = 32;
    private static final int WORD_LOG2 = 6;

    /**
     * How often a change may find that the descriptor changed before it: a guest that rewrites it
     * in a loop gets here, and nobody else.
     */
    private static final int MAX_LOST_RACES = 64;

    /** What came of posting. */
    sealed interface Result {
        /** Posted; the notification is to be sent. */
        record Notify(int vector, int destination) implements Result {}

        /** Posted; nobody is to be told. */
        record Quiet() implements Result {}

        /** A reserved bit is set; nothing was posted. */
        record Reserved() implements Result {}
    }

    private PostedDescriptor() {}

    /**
     * §5.2.3: sets the request, then ON, unless notifications are suppressed and this one is not
     * urgent.
     *
     * @throws GuestAccessException if nothing backs the descriptor
     */
    static Result post(GuestMemory memory, long gpa, int vector, boolean urgent)
            throws GuestAccessException {
        long control = memory.getLongLe(gpa + CONTROL);
        if (RESERVED_LOW.isSet(control) || RESERVED_HIGH.isSet(control)) {
            return new Result.Reserved();
        }
        long request = gpa + (vector >>> WORD_LOG2) * (long) Long.BYTES;
        long bit = 1L << (vector & Long.SIZE - 1);
        setBits(memory, request, bit, 0);
        long before = setBits(memory, gpa + CONTROL, ON.mask(), urgent ? 0 : SN.mask());
        boolean quiet = ON.isSet(before) || SN.isSet(before) && !urgent;
        return quiet
                ? new Result.Quiet()
                : new Result.Notify(NV.getInt(before), NDST.getInt(before));
    }

    /** Sets {@code bits} unless one of {@code unless} is set; what was there before. */
    private static long setBits(GuestMemory memory, long gpa, long bits, long unless)
            throws GuestAccessException {
        long expected = memory.getLongLe(gpa);
        for (int lost = 0; lost < MAX_LOST_RACES; lost++) {
            if ((expected & unless) != 0 || (expected & bits) == bits) {
                return expected;
            }
            long seen = memory.compareAndExchangeLongLe(gpa, expected, expected | bits);
            if (seen == expected) {
                return expected;
            }
            expected = seen;
        }
        throw new GuestAccessException(gpa);
    }
}
