package nestor.cpu.arm64;

/** A hint without effect here: prefetches, NOP. */
final class NoOperation extends Op {
    /** The only instance. */
    static final NoOperation OP = new NoOperation();

    private NoOperation() {}

    @Override
    void exec(Arm64Cpu cpu) {}
}
