package nestor.cpu.x86;

/** PSLL, PSRL, PSRA, PSLLDQ and PSRLDQ. */
final class PackedShifts {
    private static final int RIGHT = 2;
    private static final int ARITHMETIC = 4;
    private static final int LEFT = 6;

    private PackedShifts() {}

    /** 0F D1-D3, E1, E2, F1-F3: the count is an operand. */
    static Op byOperand(Instruction in, boolean mmx) {
        int bits = 8 << (in.opcode & 3);
        int group = in.opcode < 0xe0 ? RIGHT : in.opcode < 0xf0 ? ARITHMETIC : LEFT;
        return mmx
                ? new SseOp.Mmx(
                        (cpu, d, s) ->
                                cpu.vector[d] =
                                        PackedInteger.shift(
                                                cpu.vector[d], bits, group, cpu.vector[s]),
                        XmmOperand.regMm(in),
                        XmmOperand.rmMm(in, 8),
                        true)
                : new SseOp.Binary(
                        (cpu, d, s) -> both(cpu.vector, d, bits, group, cpu.vector[s]),
                        XmmOperand.reg(in),
                        XmmOperand.rm(in, 16));
    }

    /** 0F 71-73: the count is an immediate. */
    static Op byImmediate(Instruction in, boolean mmx) throws Instruction.Truncated {
        int bits = 8 << (in.opcode & 3);
        int group = in.extension();
        long count = in.signed(1) & 0xff;
        boolean bytes = bits == 64 && (group & 3) == 3 && !mmx;
        boolean valid = group == RIGHT || group == LEFT || group == ARITHMETIC && bits < 64;
        if (!in.isRegister() || !bytes && !valid) {
            return Undefined.OP;
        }
        if (mmx) {
            XmmOperand register = XmmOperand.rmMm(in, 8);
            return new SseOp.Mmx(
                    (cpu, d, _) ->
                            cpu.vector[d] = PackedInteger.shift(cpu.vector[d], bits, group, count),
                    XmmOperand.MM + (in.rm() & 7),
                    register,
                    true);
        }
        SseOp.Kernel kernel =
                bytes
                        ? (cpu, d, _) -> bytes(cpu.vector, d, group == 7, (int) count)
                        : (cpu, d, _) -> both(cpu.vector, d, bits, group, count);
        return new SseOp.Binary(kernel, 2 * in.rm(), XmmOperand.rm(in, 16));
    }

    private static void both(long[] v, int d, int bits, int group, long count) {
        v[d] = PackedInteger.shift(v[d], bits, group, count);
        v[d + 1] = PackedInteger.shift(v[d + 1], bits, group, count);
    }

    /** The register as one number, by bytes. */
    private static void bytes(long[] v, int d, boolean left, int count) {
        int bits = 8 * Math.min(count, 16);
        long low = v[d];
        long high = v[d + 1];
        v[d] = left ? wideLeft(low, 0, bits) : wideRight(low, high, bits);
        v[d + 1] = left ? wideLeft(high, low, bits) : wideRight(high, 0, bits);
    }

    private static long wideLeft(long value, long below, int bits) {
        if (bits == 0) {
            return value;
        }
        return bits < 64 ? value << bits | below >>> -bits : bits < 128 ? below << bits - 64 : 0;
    }

    private static long wideRight(long value, long above, int bits) {
        if (bits == 0) {
            return value;
        }
        return bits < 64 ? value >>> bits | above << -bits : bits < 128 ? above >>> bits - 64 : 0;
    }
}
