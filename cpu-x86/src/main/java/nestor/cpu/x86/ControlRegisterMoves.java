package nestor.cpu.x86;

/** Not there yet. */
final class ControlRegisterMoves {
    private ControlRegisterMoves() {}

    static Op of(Instruction in) {
        return Undefined.OP;
    }
}
