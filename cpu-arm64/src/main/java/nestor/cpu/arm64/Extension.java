package nestor.cpu.arm64;

/**
 * A constant extension and left shift of a register operand (§C6, ExtendReg), in a form that needs
 * no branch on the type: {@code ((v & keep ^ sign) - sign) << left}.
 *
 * @param keep the bits of the operand that count
 * @param sign its top bit if the extension is signed, else 0
 * @param left shift afterwards
 */
record Extension(long keep, long sign, int left) {
    /**
     * Decodes {@code option}.
     *
     * @param option 0-3 UXTB, UXTH, UXTW, UXTX; 4-7 SXTB, SXTH, SXTW, SXTX
     */
    static Extension of(int option, int left) {
        int width = 8 << (option & 3);
        boolean signed = option >= 4 && width < 64;
        return new Extension(Encoding.ones(width), signed ? 1L << (width - 1) : 0, left);
    }
}
