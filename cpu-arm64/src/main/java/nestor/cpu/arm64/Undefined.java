package nestor.cpu.arm64;

/** An unallocated or unimplemented encoding: an Unknown-reason exception, EC 0 (§D17.2.37). */
final class Undefined extends Op {
    /** The only instance; every decoder returns it for what it does not implement. */
    static final Undefined OP = new Undefined();

    private Undefined() {}

    @Override
    void exec(Arm64Cpu cpu) {
        throw cpu.undefined();
    }

    @Override
    boolean endsBlock() {
        return true;
    }
}
