package nestor.cpu.x86;

/**
 * An exception of the architecture (3A §6) on its way from an op to the block loop, which delivers
 * it through the IDT. Stackless, one instance per CPU: the fields are filled in before it is
 * thrown.
 */
final class X86Exception extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** In place of a vector: no exception, the block is no more what is in memory. */
    static final int RESTART = -1;

    /** In place of a vector: no exception, the op's instructions have to be executed one by one. */
    static final int ALONE = -2;

    /** One of {@link Vector}, or {@link #RESTART} or {@link #ALONE}. */
    int vector;

    /** Pushed if {@link Vector#hasErrorCode}. */
    int errorCode;

    /** CR2 as it will read, of a page fault. */
    long faultAddress;

    /** A #GP that is a #SS if the access was through the stack segment (1 §3.3.7.1). */
    boolean nonCanonical;

    /** INT n, INT3, INTO and INT1: what is pushed is the instruction after. */
    boolean trap;

    /** Bytes of the instruction that raised it. */
    int length;

    /** INT n, INT3 and INTO, which have to pass the gate's DPL. */
    boolean software;

    /** A #DB of RFLAGS.TF: DR6.BS. */
    boolean singleStep;

    X86Exception() {
        super(null, null, false, false);
    }
}
