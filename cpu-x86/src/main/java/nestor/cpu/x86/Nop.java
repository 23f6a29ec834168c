package nestor.cpu.x86;

/** Does nothing. */
final class Nop extends Op {
    static final Nop OP = new Nop();

    private Nop() {}

    @Override
    void exec(X86Cpu cpu) {
        // nothing
    }
}
