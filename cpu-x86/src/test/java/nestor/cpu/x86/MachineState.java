package nestor.cpu.x86;

import java.nio.ByteBuffer;
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

    private static final int FCW_OFFSET = 0;
    private static final int MXCSR_OFFSET = 24;
    private static final String[] NAMES = {
        "RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI", "R8", "R9", "R10", "R11", "R12",
        "R13", "R14", "R15"
    };

    final long[] x = new long[16];
    int flags;

    /** An FXSAVE64 image (1 §10.5.1). */
    final byte[] fx = new byte[FX_BYTES];

    final byte[] scratch = new byte[SCRATCH_BYTES];

    /** How the instruction was left. */
    int exit;

    void write(ByteBuffer image, int at) {
        for (int i = 0; i < 16; i++) {
            image.putLong(at + 8 * i, x[i]);
        }
        image.putLong(at + FLAGS_OFFSET, flags | Flags.ALWAYS | Flags.IF);
        image.putLong(at + EXIT_OFFSET, exit);
        image.put(at + FX_OFFSET, fx);
        image.putShort(at + FX_OFFSET + FCW_OFFSET, (short) 0x37f);
        image.putInt(at + FX_OFFSET + MXCSR_OFFSET, 0x1f80);
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
        for (int i = 0; i < 16; i++) {
            line(out, NAMES[i], x[i], expected.x[i], actual.x[i]);
        }
        int defined = ~undefinedFlags;
        line(out, "RFLAGS", flags, expected.flags & defined, actual.flags & defined);
        line(out, "exit", exit, expected.exit, actual.exit);
        for (int i = Arrays.mismatch(expected.scratch, actual.scratch); i >= 0; i = -1) {
            line(out, "scratch+" + i, scratch[i], expected.scratch[i], actual.scratch[i]);
        }
        return out.toString();
    }

    private static void line(
            StringBuilder out, String name, long before, long expected, long actual) {
        if (expected != actual) {
            out.append(
                    "  %s: was %x, oracle %x, ours %x%n".formatted(name, before, expected, actual));
        }
    }
}
