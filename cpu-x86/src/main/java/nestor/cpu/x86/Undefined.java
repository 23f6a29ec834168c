package nestor.cpu.x86;

/** An instruction that only raises an exception. */
final class Undefined extends Op.Transfer {
    /** Reserved, not implemented, or not valid in this mode: #UD. */
    static final Undefined OP = new Undefined(Vector.UD);

    /** More than 15 bytes: #GP(0) (2A §2.3.11). */
    static final Undefined TOO_LONG = new Undefined(Vector.GP);

    private final int vector;

    private Undefined(int vector) {
        this.vector = vector;
    }

    @Override
    void exec(X86Cpu cpu) {
        throw cpu.raise(vector);
    }
}
