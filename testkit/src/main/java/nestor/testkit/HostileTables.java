package nestor.testkit;

import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.memory.GuestMemory;

import java.lang.foreign.MemorySegment;

/**
 * Fills RAM with descriptors that are random but not hopeless: most point to where more of them
 * are, most are valid, every bit is sometimes wrong. A walk over them gets everywhere.
 */
public final class HostileTables {
    /** How valid descriptors of a family look. */
    public enum Style {
        VMSA_V8,
        X86,
        VTD_SECOND_STAGE
    }

    private static final int ADDRESS_BITS = 48;

    private final Choices choices;
    private final Style style;
    private final int calm;
    private final long target;
    private final int targetLog2;

    /**
     * Descriptors that mostly point into one range.
     *
     * @param calm 0..4: what is wrong is wrong {@code 2^calm} times less often
     * @param target base of the range, in the descriptors' output space
     * @param targetLog2 log2 of its size in bytes, at least 17
     */
    public HostileTables(Choices choices, Style style, int calm, long target, int targetLog2) {
        this.choices = choices;
        this.style = style;
        this.calm = calm;
        this.target = target;
        this.targetLog2 = targetLog2;
    }

    /** Fills {@code [gpa, gpa + sizeBytes)}. */
    public void fill(GuestMemory memory, long gpa, int sizeBytes) {
        long[] descriptors = new long[sizeBytes / Long.BYTES];
        for (int i = 0; i < descriptors.length; i++) {
            descriptors[i] = descriptor();
        }
        try {
            memory.copyIn(MemorySegment.ofArray(descriptors), gpa);
        } catch (GuestAccessException e) {
            throw new IllegalArgumentException("tables lie in RAM", e);
        }
    }

    /** One descriptor. */
    public long descriptor() {
        long random = choices.anyLong();
        // Decisions and don't-care bits come from different words.
        long dice = choices.anyLong();
        return switch (style) {
            case VMSA_V8 -> vmsaV8(random, dice);
            case X86 -> x86(random, dice);
            case VTD_SECOND_STAGE -> vtdSecondStage(random, dice);
        };
    }

    /** Once in {@code 2^bits} times, and less often in calm tables; 8 decisions per dice. */
    private boolean rarely(long dice, int decision, int bits) {
        return (dice >>> 8 * decision & (1L << bits + calm) - 1) == 0;
    }

    /** Mostly in the target, at a 64 KiB boundary more often than not. */
    private long address(long dice) {
        long random = choices.anyLong();
        if (rarely(dice, 0, 4)) {
            return random & (1L << ADDRESS_BITS) - (1L << 12);
        }
        int lowBit = rarely(dice, 1, 2) ? 12 : 16;
        return target | random & (1L << targetLog2) - (1L << lowBit);
    }

    /** A large page's address, rarely misaligned. */
    private long largeAddress(long dice) {
        return rarely(dice, 2, 2) ? address(dice) : address(dice) & -1L << 21;
    }

    private long vmsaV8(long random, long dice) {
        long descriptor = address(dice) | random & 0x0078_0000_0000_08bcL;
        descriptor |= rarely(dice, 2, 0) ? random & 1L << 10 : 1L << 10;
        descriptor |= rarely(dice, 3, 1) ? random & 1L << 6 : 1L << 6;
        descriptor |= rarely(dice, 4, 2) ? random & 0xff00_0000_0000_0300L : 0;
        long type = rarely(dice, 5, 2) ? 1 : 3;
        return descriptor | (rarely(dice, 6, 4) ? random & 3 : type);
    }

    private long x86(long random, long dice) {
        boolean large = rarely(dice, 3, 2);
        // Ignored here, but reserved where a second stage takes this for its own: bits 62 and 11.
        long descriptor = random & 0x3ff0_0000_0000_0778L | (large ? 1L << 7 : 0);
        descriptor |= rarely(dice, 2, 1) ? random & 0x4000_0000_0000_0800L : 0;
        descriptor |= rarely(dice, 4, 4) ? random & 7 : rarely(dice, 5, 1) ? random & 6 | 1 : 7;
        descriptor |= rarely(dice, 6, 2) ? 1L << 63 : 0;
        descriptor |= rarely(dice, 7, 4) ? random & 0x000f_0000_0000_0000L : 0;
        return descriptor | (large ? largeAddress(dice) : address(dice));
    }

    private long vtdSecondStage(long random, long dice) {
        boolean large = rarely(dice, 3, 2);
        long descriptor = random & 0xbff0_0000_0000_0778L | (large ? 1L << 7 : 0);
        descriptor |= rarely(dice, 4, 3) ? random & 7 : rarely(dice, 5, 2) ? 3 : 7;
        descriptor |= rarely(dice, 6, 4) ? random & 0x400f_0000_0000_0800L : 0;
        return descriptor | (large ? largeAddress(dice) : address(dice));
    }
}
