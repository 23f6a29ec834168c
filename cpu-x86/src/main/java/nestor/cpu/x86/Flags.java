package nestor.cpu.x86;

/**
 * The arithmetic flags, computed when somebody asks. {@link X86Cpu#flagResult} is the last result,
 * sign-extended: it gives ZF, SF and PF. {@link X86Cpu#flagX} and {@link X86Cpu#flagY} are numbers
 * whose sum {@link X86Cpu#flagSum} carries and overflows as the operation did: bit 63 gives CF and
 * OF, bit 4 gives AF. An addition stores its operands and its result; a subtraction {@code r = a -
 * b} the sum {@code r + b = a}; a logical operation zeros. Whoever sets CF, OF and AF otherwise
 * stores numbers made up for it.
 *
 * <p>ZF together with SF or without PF comes from no result, only from POPF and its like, or from
 * an instruction that changes ZF alone. Its form is a result of zero with neither X nor the sum
 * zero, which no operation leaves; SF and PF are then in bits 1 and 2 of Y.
 */
final class Flags {
    static final int CF = 1;

    /** Bit 1 always reads 1. */
    static final int ALWAYS = 1 << 1;

    static final int PF = 1 << 2;
    static final int AF = 1 << 4;
    static final int ZF = 1 << 6;
    static final int SF = 1 << 7;
    static final int TF = 1 << 8;
    static final int IF = 1 << 9;
    static final int DF = 1 << 10;
    static final int OF = 1 << 11;
    static final int IOPL = 3 << 12;
    static final int IOPL_SHIFT = 12;
    static final int NT = 1 << 14;
    static final int RF = 1 << 16;
    static final int VM = 1 << 17;
    static final int AC = 1 << 18;
    static final int ID = 1 << 21;

    /** The six that instructions compute. */
    static final int ARITHMETIC = CF | PF | AF | ZF | SF | OF;

    /** All that exist, VM, VIF and VIP left out. */
    static final int WRITABLE = ARITHMETIC | TF | IF | DF | IOPL | NT | RF | AC | ID;

    private static final int Y_SIGN = 1 << 1;
    private static final int Y_PARITY = 1 << 2;
    private static final int AUXILIARY_BIT = 4;

    private Flags() {}

    /** Of {@code r = a + b + carry}, all sign-extended. */
    static void ofAdd(X86Cpu cpu, long a, long b, long r) {
        cpu.flagX = a;
        cpu.flagY = b;
        cpu.flagSum = r;
        cpu.flagResult = r;
    }

    /** Of {@code r = a - b - borrow}, all sign-extended. */
    static void ofSubtract(X86Cpu cpu, long a, long b, long r) {
        cpu.flagX = r;
        cpu.flagY = b;
        cpu.flagSum = a;
        cpu.flagResult = r;
    }

    /** CF, OF and AF clear, the others of {@code r}. */
    static void ofLogical(X86Cpu cpu, long r) {
        cpu.flagX = 0;
        cpu.flagY = 0;
        cpu.flagSum = 0;
        cpu.flagResult = r;
    }

    /** ZF, SF and PF of {@code r}, the others as given, each 0 or 1. */
    static void of(X86Cpu cpu, long r, int carry, int overflow, int auxiliary) {
        cpu.flagX = (long) carry << 63;
        cpu.flagY = (long) (carry & overflow) << 63 | (long) auxiliary << AUXILIARY_BIT;
        cpu.flagSum = (long) (overflow & ~carry) << 63;
        cpu.flagResult = r;
    }

    static int carry(X86Cpu cpu) {
        long x = cpu.flagX;
        long y = cpu.flagY;
        return (int) ((x & y | (x | y) & ~cpu.flagSum) >>> 63);
    }

    static int overflow(X86Cpu cpu) {
        return (int) (((cpu.flagX ^ cpu.flagSum) & (cpu.flagY ^ cpu.flagSum)) >>> 63);
    }

    static int auxiliary(X86Cpu cpu) {
        return (int) ((cpu.flagX ^ cpu.flagY ^ cpu.flagSum) >>> AUXILIARY_BIT) & 1;
    }

    static boolean zero(X86Cpu cpu) {
        return cpu.flagResult == 0;
    }

    static boolean sign(X86Cpu cpu) {
        long result = cpu.flagResult;
        return result < 0 || result == 0 && isMadeUp(cpu) && (cpu.flagY & Y_SIGN) != 0;
    }

    static boolean parity(X86Cpu cpu) {
        long result = cpu.flagResult;
        return result == 0 && isMadeUp(cpu)
                ? (cpu.flagY & Y_PARITY) != 0
                : (Integer.bitCount((int) result & 0xff) & 1) == 0;
    }

    private static boolean isMadeUp(X86Cpu cpu) {
        return cpu.flagX != 0 && cpu.flagSum != 0;
    }

    /** The arithmetic flags in their places in RFLAGS. */
    static int get(X86Cpu cpu) {
        return carry(cpu) * CF
                | (parity(cpu) ? PF : 0)
                | auxiliary(cpu) * AF
                | (zero(cpu) ? ZF : 0)
                | (sign(cpu) ? SF : 0)
                | overflow(cpu) * OF;
    }

    /** Sets all six from an RFLAGS image. */
    static void set(X86Cpu cpu, int image) {
        boolean zero = (image & ZF) != 0;
        boolean sign = (image & SF) != 0;
        boolean parity = (image & PF) != 0;
        long result = zero ? 0 : (sign ? Long.MIN_VALUE : 0x100) | (parity ? 0 : 1);
        of(cpu, result, image & CF, (image & OF) != 0 ? 1 : 0, (image & AF) != 0 ? 1 : 0);
        if (zero && (sign || !parity)) {
            cpu.flagX |= 1;
            cpu.flagSum |= 1;
            cpu.flagY |= (sign ? Y_SIGN : 0) | (parity ? Y_PARITY : 0);
        }
    }

    /** Sets ZF and leaves the other five. */
    static void setZero(X86Cpu cpu, boolean zero) {
        set(cpu, get(cpu) & ~ZF | (zero ? ZF : 0));
    }

    /** Sets CF and leaves the other five. */
    static void setCarry(X86Cpu cpu, int carry) {
        setCarryAndOverflow(cpu, carry, overflow(cpu));
    }

    /** Sets CF and OF and leaves the other four. */
    static void setCarryAndOverflow(X86Cpu cpu, int carry, int overflow) {
        if (cpu.flagResult == 0 && isMadeUp(cpu)) {
            set(cpu, get(cpu) & ~(CF | OF) | carry * CF | overflow * OF);
        } else {
            of(cpu, cpu.flagResult, carry, overflow, auxiliary(cpu));
        }
    }

    /** RFLAGS as PUSHF stores it. */
    static int image(X86Cpu cpu) {
        return get(cpu) | cpu.otherFlags | ALWAYS;
    }

    /**
     * Sets the flags of {@code mask} from an image, the arithmetic ones always among them.
     *
     * @param mask of {@link #WRITABLE}
     */
    static void setImage(X86Cpu cpu, int image, int mask) {
        set(cpu, image);
        int other = mask & ~ARITHMETIC;
        cpu.otherFlags = cpu.otherFlags & ~other | image & other;
    }

    /** Whether condition {@code code} holds (1 appendix B): the low bit of it inverts. */
    static boolean holds(X86Cpu cpu, int code) {
        boolean base =
                switch (code >>> 1) {
                    case 0 -> overflow(cpu) != 0;
                    case 1 -> carry(cpu) != 0;
                    case 2 -> zero(cpu);
                    case 3 -> zero(cpu) || carry(cpu) != 0;
                    case 4 -> sign(cpu);
                    case 5 -> parity(cpu);
                    case 6 -> sign(cpu) != (overflow(cpu) != 0);
                    default -> zero(cpu) || sign(cpu) != (overflow(cpu) != 0);
                };
        return base != ((code & 1) != 0);
    }
}
