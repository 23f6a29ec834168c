package nestor.cpu.x86;

/** Not there yet. */
final class Interrupts {
    private Interrupts() {}

    static Op of(Instruction in) {
        return Undefined.OP;
    }
}
