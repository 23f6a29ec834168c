package nestor.cpu.x86;

/** Not there yet. */
final class SegmentOps {
    private SegmentOps() {}

    static Op group6(Instruction in) {
        return Undefined.OP;
    }

    static Op rightsOrLimit(Instruction in) {
        return Undefined.OP;
    }

    static Op pushOrPop(Instruction in) {
        return Undefined.OP;
    }

    static Op loadFar(Instruction in) {
        return Undefined.OP;
    }

    static Op legacy(Instruction in) {
        return Undefined.OP;
    }

    static Op store(Instruction in) {
        return Undefined.OP;
    }

    static Op load(Instruction in) {
        return Undefined.OP;
    }
}
