package nestor.cpu.x86;

/**
 * Top level of decoding (2D appendix A): total, every sequence of bytes becomes an op; {@link
 * Undefined} where the opcode is reserved, not valid in the mode, or of a feature we do not
 * implement.
 */
final class Decoder {
    private Decoder() {}

    /**
     * Decodes one instruction.
     *
     * @param in knows where its bytes are
     * @param offset of the instruction from the start of its block, in bytes
     */
    static Op decode(Instruction in, int offset) throws Instruction.Truncated {
        in.begin(offset);
        Op op = OneByteOpcodes.decode(in);
        in.finish();
        return in.lock ? Undefined.OP : op;
    }
}
