package nestor.cpu.x86;

/**
 * State of the x87 (1 §8.1), without the significands of R0-R7: those are the MMX registers of
 * {@link X86Cpu#vector}. Pointers to the last instruction and operand are not kept: zero.
 */
final class X87 {
    static final int CONTROL_RESET = 0x37f;

    /** What of the control word can be written; bit 6 always reads 1. */
    static final int CONTROL_BITS = 0x1f3f;

    static final int CONTROL_ONE = 0x40;

    /** ES and B of the status word: an unmasked exception is pending. */
    static final int PENDING = 0x8080;

    private static final int EXCEPTIONS = 0x3f;
    private static final int STATUS_TOP_SHIFT = 11;
    private static final int ALL = 0xff;

    /** The control word. */
    int control;

    /** The status word without TOP and without what {@link #PENDING} has. */
    int status;

    /** Number of the register that is ST(0). */
    int top;

    /** A bit for each register that is empty. */
    int empty;

    /** Sign and exponent of R0-R7. */
    final int[] signExponent = new int[8];

    private final X86Cpu cpu;

    X87(X86Cpu cpu) {
        this.cpu = cpu;
    }

    /** FNINIT. */
    void initialize() {
        control = CONTROL_RESET;
        status = 0;
        top = 0;
        empty = ALL;
    }

    /** Whether an exception that is not masked has been noted. */
    boolean isPending() {
        return (status & ~control & EXCEPTIONS) != 0;
    }

    /** Throws #MF if an exception is pending (1 §8.7). */
    void checkPending() {
        if (isPending()) {
            throw cpu.raise(Vector.MF);
        }
    }

    /** The status word as FNSTSW stores it. */
    int statusWord() {
        return status | top << STATUS_TOP_SHIFT | (isPending() ? PENDING : 0);
    }

    void setStatusWord(int word) {
        status = word & ~PENDING & ~(7 << STATUS_TOP_SHIFT) & 0xffff;
        top = word >> STATUS_TOP_SHIFT & 7;
    }

    void setControl(int word) {
        control = word & CONTROL_BITS | CONTROL_ONE;
    }

    /** The tag word of FXSAVE: a bit for each register that is not empty. */
    int valid() {
        return ~empty & ALL;
    }

    void setValid(int mask) {
        empty = ~mask & ALL;
    }

    /** What any MMX instruction but EMMS does (1 §9.5.1). */
    void enterMmx() {
        top = 0;
        empty = 0;
    }

    /** An MMX register was written. */
    void wroteMmx(int register) {
        signExponent[register] = 0xffff;
    }

    /** EMMS. */
    void leaveMmx() {
        top = 0;
        empty = ALL;
    }
}
