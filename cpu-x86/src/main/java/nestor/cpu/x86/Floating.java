package nestor.cpu.x86;

/** Not there yet. */
final class Floating {
    private Floating() {}

    static Op twoByte(Instruction in) {
        return Undefined.OP;
    }

    static Op waiting() {
        return Undefined.OP;
    }

    static Op escape(Instruction in) {
        return Undefined.OP;
    }
}
