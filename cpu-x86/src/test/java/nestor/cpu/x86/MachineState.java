package nestor.cpu.x86;

import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * What user-level code can see of a processor, plus the scratch memory of one test case. Stored as
 * a record of {@link #RECORD_BYTES} bytes that the driver of {@link QemuOracle} loads and saves.
 */
final class MachineState {
    static final int FLAGS_OFFSET = 128;
    static final int EXIT_OFFSET = 136;
    static final int FX_OFFSET = 192;
    static final int FX_BYTES = 512;
    static final int SCRATCH_OFFSET = FX_OFFSET + FX_BYTES;
    static final int SCRATCH_BYTES = 192;
    static final int RECORD_BYTES = SCRATCH_OFFSET + SCRATCH_BYTES;

    /** Left by running past the last instruction. */
    static final int EXIT_FALL_THROUGH = 0;

    /** Left by a branch to the landing pad before the instruction. */
    static final int EXIT_BACKWARD = 1;

    /** Left by a branch to the landing pad after the instruction. */
    static final int EXIT_FORWARD = 2;

    /** Left by a signal: this plus the signal's number. */
    static final int EXIT_SIGNAL = 0x100;

    static final int SIGILL = 4;
    static final int SIGTRAP = 5;
    static final int SIGFPE = 8;
    static final int SIGSEGV = 11;

    /** The flags that user-level code can set without harm. */
    static final int FLAGS = Flags.ARITHMETIC | Flags.DF;

    static final int FCW_OFFSET = 0;
    static final int MXCSR_OFFSET = 24;
    static final int ST_OFFSET = 32;
    static final int XMM_OFFSET = 160;
    private static final String[] NAMES = {
        "RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI", "R8", "R9", "R10", "R11", "R12",
        "R13", "R14", "R15"
    };

    final long[] x = new long[16];
    int flags;

    /** An FXSAVE64 image (1 §10.5.1). */
    final byte[] fx = new byte[FX_BYTES];

    /** Bits of MXCSR that are not to be compared. */
    int mxcsrUndefined;

    /** Bits of the x87 status word that are not to be compared. */
    int fswUndefined;

    /** MMX registers are written: our oracle leaves the exponents, which become all ones. */
    boolean mmx;

    /** Units in the last place by which x87 registers may differ: our oracle is less exact. */
    long ulps;

    final byte[] scratch = new byte[SCRATCH_BYTES];

    /** How the instruction was left. */
    int exit;

    /** Whether nothing is to be compared but whether the instruction exists. */
    boolean existence;

    void write(ByteBuffer image, int at) {
        for (int i = 0; i < 16; i++) {
            image.putLong(at + 8 * i, x[i]);
        }
        image.putLong(at + FLAGS_OFFSET, flags | Flags.ALWAYS | Flags.IF);
        image.putLong(at + EXIT_OFFSET, exit);
        image.put(at + FX_OFFSET, fx);
        image.put(at + SCRATCH_OFFSET, scratch);
    }

    static MachineState read(ByteBuffer image, int at) {
        MachineState state = new MachineState();
        for (int i = 0; i < 16; i++) {
            state.x[i] = image.getLong(at + 8 * i);
        }
        state.flags = (int) image.getLong(at + FLAGS_OFFSET) & FLAGS;
        state.exit = image.getInt(at + EXIT_OFFSET);
        image.get(at + FX_OFFSET, state.fx);
        image.get(at + SCRATCH_OFFSET, state.scratch);
        return state;
    }

    /** One line per difference, from {@code this} = what it was; empty if the other two agree. */
    String differences(MachineState expected, MachineState actual, int undefinedFlags) {
        StringBuilder out = new StringBuilder();
        if (existence) {
            boolean theirs = expected.exit != EXIT_SIGNAL + SIGILL;
            boolean ours = actual.exit != EXIT_SIGNAL + SIGILL;
            return theirs == ours ? "" : "  exists: oracle %b, ours %b%n".formatted(theirs, ours);
        }
        for (int i = 0; i < 16; i++) {
            line(out, NAMES[i], x[i], expected.x[i], actual.x[i]);
        }
        int defined = ~undefinedFlags;
        line(out, "RFLAGS", flags, expected.flags & defined, actual.flags & defined);
        floating(out, expected, actual);
        line(out, "exit", exit, expected.exit, actual.exit);
        for (int i = Arrays.mismatch(expected.scratch, actual.scratch); i >= 0; i = -1) {
            line(out, "scratch+" + i, scratch[i], expected.scratch[i], actual.scratch[i]);
        }
        return out.toString();
    }

    /** All of the FXSAVE image but pointers, the opcode, and what is reserved. */
    private void floating(StringBuilder out, MachineState expected, MachineState actual) {
        ByteBuffer was = ByteBuffer.wrap(fx).order(ByteOrder.LITTLE_ENDIAN);
        ByteBuffer theirs = ByteBuffer.wrap(expected.fx).order(ByteOrder.LITTLE_ENDIAN);
        ByteBuffer ours = ByteBuffer.wrap(actual.fx).order(ByteOrder.LITTLE_ENDIAN);
        String[] words = {"FCW", "FSW", "FTW"};
        for (int i = 0; i < 3; i++) {
            long mask = i == 2 ? 0xff : i == 1 ? 0xffff & ~fswUndefined : 0xffff;
            line(
                    out,
                    words[i],
                    was.getShort(2 * i) & mask,
                    theirs.getShort(2 * i) & mask,
                    ours.getShort(2 * i) & mask);
        }
        line(
                out,
                "MXCSR",
                was.getInt(MXCSR_OFFSET),
                theirs.getInt(MXCSR_OFFSET) & ~mxcsrUndefined,
                ours.getInt(MXCSR_OFFSET) & ~mxcsrUndefined);
        int exponents = mmx ? 0 : 0xffff;
        for (int i = 0; i < 8; i++) {
            int at = ST_OFFSET + 16 * i;
            if (ulps != 0 && near(theirs, ours, at)) {
                continue;
            }
            line(out, "ST" + i, was.getLong(at), theirs.getLong(at), ours.getLong(at));
            line(
                    out,
                    "ST" + i + " exponent",
                    was.getShort(at + 8) & 0xffff,
                    theirs.getShort(at + 8) & exponents,
                    ours.getShort(at + 8) & exponents);
        }
        for (int i = 0; i < 32; i++) {
            int at = XMM_OFFSET + 8 * i;
            line(
                    out,
                    "XMM" + i / 2 + (i % 2 == 0 ? " low" : " high"),
                    was.getLong(at),
                    theirs.getLong(at),
                    ours.getLong(at));
        }
    }

    private boolean near(ByteBuffer theirs, ByteBuffer ours, int at) {
        return ordinal(theirs, at).subtract(ordinal(ours, at)).abs().compareTo(BigInteger.valueOf(ulps)) <= 0;
    }

    /** A number that grows by one from one value of the extended format to the next. */
    private static BigInteger ordinal(ByteBuffer fx, int at) {
        int signExponent = fx.getShort(at + 8);
        BigInteger magnitude =
                BigInteger.valueOf(signExponent & 0x7fff)
                        .shiftLeft(63)
                        .add(BigInteger.valueOf(fx.getLong(at) & Long.MAX_VALUE));
        return signExponent < 0 ? magnitude.negate() : magnitude;
    }

    private static void line(
            StringBuilder out, String name, long before, long expected, long actual) {
        if (expected != actual) {
            out.append(
                    "  %s: was %x, oracle %x, ours %x%n".formatted(name, before, expected, actual));
        }
    }
}
