package nestor.cpu.arm64;

/**
 * A constant shift of a register operand (§C6, ShiftReg), in a form that needs no branch on the
 * type: {@code rotateRight(v, rotation) & mask | v >> top & sign}.
 *
 * @param rotation to the right
 * @param mask of the bits that come from the rotated operand
 * @param sign of the bits that are copies of the operand's top bit: ASR
 */
record Shift(int rotation, long mask, long sign) {
    /**
     * Decodes {@code shift}.
     *
     * @param type 0 LSL, 1 LSR, 2 ASR, 3 ROR
     * @param amount less than {@code width}
     * @param width 32 or 64
     */
    static Shift of(int type, int amount, int width) {
        long all = Encoding.ones(width);
        long kept = Encoding.ones(width - amount);
        return switch (type) {
            case 0 -> new Shift((width - amount) % width, all & kept << amount, 0);
            case 1 -> new Shift(amount, kept, 0);
            case 2 -> new Shift(amount, kept, all & ~kept);
            default -> new Shift(amount, all, 0);
        };
    }
}
