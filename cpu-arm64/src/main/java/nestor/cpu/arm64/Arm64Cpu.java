package nestor.cpu.arm64;

import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.memory.GuestMemory;

/** Architectural state of one A64 processing element, and its view of memory. */
final class Arm64Cpu {
    /**
     * Index in {@link #x} that always reads zero; decoders use it for a source register 31 = ZR.
     */
    static final int ZR = 31;

    /** Index in {@link #x} that swallows writes: a destination register 31 = ZR. Never read. */
    static final int SINK = 32;

    /** Index in {@link #x} of the stack pointer of the current PSTATE.SP selection. */
    static final int SP = 33;

    /** X0-X30, then {@link #ZR}, {@link #SINK}, {@link #SP}. */
    final long[] x = new long[34];

    /** V0-V31: low half at {@code 2n}, high half at {@code 2n + 1}. */
    final long[] v = new long[64];

    /** PSTATE condition flags: N bit 3, Z bit 2, C bit 1, V bit 0. */
    int nzcv;

    /** FPCR (§C5.2.8): rounding mode, FZ, DN, AH … as implemented. */
    long fpcr;

    /** FPSR (§C5.2.9): cumulative exception bits and QC. */
    long fpsr;

    /**
     * Address of the running block's first instruction; between blocks, of the next instruction.
     */
    long pc;

    private final GuestMemory memory;
    private final Arm64Exception exception = new Arm64Exception();

    Arm64Cpu(GuestMemory memory) {
        this.memory = memory;
    }

    /** An exception of Unknown reason, to be thrown. */
    Arm64Exception undefined() {
        exception.syndrome = 1L << 25;
        exception.hasFaultAddress = false;
        return exception;
    }

    /** Loads zero-extended; a fault throws. Any alignment. */
    long load8(long va) {
        try {
            return memory.getByte(va) & 0xff;
        } catch (GuestAccessException e) {
            throw undefined();
        }
    }

    long load16(long va) {
        try {
            return memory.getShortLe(va) & 0xffff;
        } catch (GuestAccessException e) {
            throw undefined();
        }
    }

    long load32(long va) {
        try {
            return memory.getIntLe(va) & 0xffff_ffffL;
        } catch (GuestAccessException e) {
            throw undefined();
        }
    }

    long load64(long va) {
        try {
            return memory.getLongLe(va);
        } catch (GuestAccessException e) {
            throw undefined();
        }
    }

    /** Stores the low bits of {@code value}; a fault throws and stores nothing. Any alignment. */
    void store8(long va, long value) {
        try {
            memory.setByte(va, (byte) value);
        } catch (GuestAccessException e) {
            throw undefined();
        }
    }

    void store16(long va, long value) {
        try {
            memory.setShortLe(va, (short) value);
        } catch (GuestAccessException e) {
            throw undefined();
        }
    }

    void store32(long va, long value) {
        try {
            memory.setIntLe(va, (int) value);
        } catch (GuestAccessException e) {
            throw undefined();
        }
    }

    void store64(long va, long value) {
        try {
            memory.setLongLe(va, value);
        } catch (GuestAccessException e) {
            throw undefined();
        }
    }
}
