package nestor.endpoints.dsa;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import java.util.Arrays;
import nestor.vmm.register.BitField;

/**
 * A descriptor: 64 bytes as eight little-endian quadwords, which nobody changes any more (§5.1).
 * Every pattern is one; {@link DescriptorCheck} says which are executed.
 */
final class Descriptor {
    static final int BYTES = 64;
    static final int QUADWORDS = 8;

    private static final BitField PASID = bits(19, 0);
    private static final BitField RESERVED = bits(30, 20);
    private static final BitField PRIVILEGED = bit(31);
    private static final BitField FLAGS = bits(55, 32);
    private static final BitField OPCODE = bits(63, 56);

    /** The fifth quadword. */
    private static final BitField SIZE = bits(31, 0);

    private static final BitField INTERRUPT_HANDLE = bits(47, 32);
    private static final BitField RESERVED_4 = bits(63, 48);

    private final long[] words;

    /** A copy of the eight quadwords at {@code from}. */
    Descriptor(long[] source, int from) {
        words = Arrays.copyOfRange(source, from, from + QUADWORDS);
    }

    int pasid() {
        return PASID.getInt(words[0]);
    }

    boolean privileged() {
        return PRIVILEGED.isSet(words[0]);
    }

    int flags() {
        return FLAGS.getInt(words[0]);
    }

    boolean has(int flag) {
        return (flags() & flag) != 0;
    }

    int opcode() {
        return OPCODE.getInt(words[0]);
    }

    /** Whether a reserved bit outside the operation's own part is set. */
    boolean hasReservedBits() {
        return RESERVED.isSet(words[0]) || RESERVED_4.isSet(words[4]);
    }

    long completionAddress() {
        return words[1];
    }

    /** Quadword 2: source, pattern, descriptor list, or delta record. */
    long source() {
        return words[2];
    }

    /** Quadword 3: destination, second source, or pattern to compare with. */
    long destination() {
        return words[3];
    }

    /** Bytes of a transfer, or descriptors of a batch. */
    long size() {
        return SIZE.get(words[4]);
    }

    int interruptHandle() {
        return INTERRUPT_HANDLE.getInt(words[4]);
    }

    /** Quadword 5, 6 or 7: what it means, the operation knows. */
    long specific(int quadword) {
        return words[quadword];
    }

    /** Quadwords 2, 3 and 5 to 7, and the size, under a mask: 0 if nothing reserved is set. */
    boolean isZero(int quadword, long mask) {
        return (words[quadword] & mask) == 0;
    }
}
