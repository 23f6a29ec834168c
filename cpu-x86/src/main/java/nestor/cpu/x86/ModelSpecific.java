package nestor.cpu.x86;

/** Not there yet. */
final class ModelSpecific {
    private ModelSpecific() {}

    static Op of(Instruction in) {
        return Undefined.OP;
    }
}
