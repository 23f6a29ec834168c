package nestor.cpu.x86;

/** Not there yet. */
final class SystemCalls {
    private SystemCalls() {}

    static Op enter(Instruction in) {
        return Undefined.OP;
    }

    static Op leave(Instruction in) {
        return Undefined.OP;
    }
}
