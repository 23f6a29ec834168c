package nestor.cpu.x86;

/** MXCSR at work (1 §10.2.3, §11.5): how to round, and what becomes of exceptions. */
final class Mxcsr {
    private static final int FLAGS = 0x3f;
    private static final int MASKS_SHIFT = 7;
    private static final int UNDERFLOW_MASK = 1 << 11;
    private static final int ROUNDING_SHIFT = 13;
    private static final int FLUSH_TO_ZERO = 1 << 15;
    private static final int DENORMALS_ARE_ZEROS = 1 << 6;

    private static final int PRECISION = SoftFloat.PRECISION | SoftFloat.PRECISION << MASKS_SHIFT;

    /** Rounding to nearest, no flushing, and the precision exception noted already. */
    private static final int PLAIN_MASK =
            PRECISION | 3 << ROUNDING_SHIFT | FLUSH_TO_ZERO | DENORMALS_ARE_ZEROS;

    private Mxcsr() {}

    /** Whether Java's arithmetic does where neither operand nor result is out of the ordinary. */
    static boolean isPlain(X86Cpu cpu) {
        return (cpu.mxcsr & PLAIN_MASK) == PRECISION;
    }

    /** Begins an instruction. */
    static SoftFloat begin(X86Cpu cpu) {
        SoftFloat soft = cpu.soft;
        soft.flags = 0;
        soft.rounding = cpu.mxcsr >> ROUNDING_SHIFT & 3;
        soft.flush = (cpu.mxcsr & FLUSH_TO_ZERO) != 0;
        soft.underflowUnmasked = (cpu.mxcsr & UNDERFLOW_MASK) == 0;
        soft.greaterNan = false;
        return soft;
    }

    static void load(X86Cpu cpu, FloatNumber number, long bits, boolean wide) {
        if (wide) {
            number.fromDouble(bits);
        } else {
            number.fromSingle((int) bits);
        }
        if (number.denormal && (cpu.mxcsr & DENORMALS_ARE_ZEROS) != 0) {
            number.kind = FloatNumber.ZERO;
            number.denormal = false;
        }
    }

    /** Ends an instruction, before it changes its destination: throws if one is not masked. */
    static void end(X86Cpu cpu) {
        int raised = cpu.soft.flags;
        int unmasked = raised & ~(cpu.mxcsr >> MASKS_SHIFT) & FLAGS;
        int before = unmasked & (SoftFloat.INVALID | SoftFloat.DENORMAL | SoftFloat.ZERO_DIVIDE);
        if (before != 0) {
            raised &= SoftFloat.INVALID | SoftFloat.DENORMAL | SoftFloat.ZERO_DIVIDE;
        }
        cpu.mxcsr |= raised;
        if (unmasked != 0) {
            boolean announced = ControlRegister.CR4_OSXMMEXCPT.isSet(cpu.cr4);
            throw cpu.raise(announced ? Vector.XM : Vector.UD);
        }
    }
}
