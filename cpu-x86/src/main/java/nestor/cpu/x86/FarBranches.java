package nestor.cpu.x86;

/** Not there yet. */
final class FarBranches {
    private FarBranches() {}

    static Op of(Instruction in) {
        return Undefined.OP;
    }

    static Op indirect(Instruction in) {
        return Undefined.OP;
    }
}
