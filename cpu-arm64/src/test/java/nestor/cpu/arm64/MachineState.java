package nestor.cpu.arm64;

import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * What user-level code can see of a processing element, plus the scratch memory of one test case.
 * Stored as a record of {@link #RECORD_BYTES} bytes that the driver of {@link QemuOracle} loads and
 * saves.
 */
final class MachineState {
    static final int SP_OFFSET = 248;
    static final int NZCV_OFFSET = 256;
    static final int FPCR_OFFSET = 264;
    static final int FPSR_OFFSET = 272;
    static final int EXIT_OFFSET = 280;
    static final int V_OFFSET = 288;
    static final int SCRATCH_OFFSET = 832;
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
    static final int SIGBUS = 7;
    static final int SIGSEGV = 11;

    /** X0-X30. */
    final long[] x = new long[31];

    long sp;

    /** N 8, Z 4, C 2, V 1. */
    int nzcv;

    long fpcr;
    long fpsr;

    /** V0-V31: low half at {@code 2n}, high half at {@code 2n + 1}. */
    final long[] v = new long[64];

    final byte[] scratch = new byte[SCRATCH_BYTES];

    /** How the instruction was left. */
    int exit;

    void write(ByteBuffer image, int at) {
        for (int i = 0; i < 31; i++) {
            image.putLong(at + 8 * i, x[i]);
        }
        image.putLong(at + SP_OFFSET, sp);
        image.putLong(at + NZCV_OFFSET, (long) nzcv << 28);
        image.putLong(at + FPCR_OFFSET, fpcr);
        image.putLong(at + FPSR_OFFSET, fpsr);
        image.putLong(at + EXIT_OFFSET, exit);
        for (int i = 0; i < 64; i++) {
            image.putLong(at + V_OFFSET + 8 * i, v[i]);
        }
        image.put(at + SCRATCH_OFFSET, scratch);
    }

    static MachineState read(ByteBuffer image, int at) {
        MachineState state = new MachineState();
        for (int i = 0; i < 31; i++) {
            state.x[i] = image.getLong(at + 8 * i);
        }
        state.sp = image.getLong(at + SP_OFFSET);
        state.nzcv = (int) (image.getLong(at + NZCV_OFFSET) >>> 28);
        state.fpcr = image.getLong(at + FPCR_OFFSET);
        state.fpsr = image.getLong(at + FPSR_OFFSET);
        state.exit = image.getInt(at + EXIT_OFFSET);
        for (int i = 0; i < 64; i++) {
            state.v[i] = image.getLong(at + V_OFFSET + 8 * i);
        }
        image.get(at + SCRATCH_OFFSET, state.scratch);
        return state;
    }

    /** One line per difference, from {@code this} = what it was; empty if the other two agree. */
    String differences(MachineState expected, MachineState actual) {
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < 31; i++) {
            line(out, "X" + i, x[i], expected.x[i], actual.x[i]);
        }
        line(out, "SP", sp, expected.sp, actual.sp);
        line(out, "NZCV", nzcv, expected.nzcv, actual.nzcv);
        line(out, "FPCR", fpcr, expected.fpcr, actual.fpcr);
        line(out, "FPSR", fpsr, expected.fpsr, actual.fpsr);
        line(out, "exit", exit, expected.exit, actual.exit);
        for (int i = 0; i < 64; i++) {
            String name = "V" + i / 2 + ((i & 1) == 0 ? ".low" : ".high");
            line(out, name, v[i], expected.v[i], actual.v[i]);
        }
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
