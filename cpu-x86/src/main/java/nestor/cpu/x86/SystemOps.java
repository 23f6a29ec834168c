package nestor.cpu.x86;

/** Not there yet. */
final class SystemOps {
    private SystemOps() {}

    static Op group7(Instruction in) {
        return Undefined.OP;
    }

    static Op clearTaskSwitched() {
        return Undefined.OP;
    }

    static Op cache() {
        return Undefined.OP;
    }

    static Op group15(Instruction in) {
        return Undefined.OP;
    }

    static Op halt() {
        return Undefined.OP;
    }
}
