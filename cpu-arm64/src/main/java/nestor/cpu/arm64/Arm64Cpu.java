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

    /** Low element of the last {@link #loadExclusivePair}. */
    long exclusiveLow;

    /** High element of the last {@link #loadExclusivePair}. */
    long exclusiveHigh;

    /** Low element that {@link #compareAndSwapPair} found. */
    long pairLow;

    /** High element that {@link #compareAndSwapPair} found. */
    long pairHigh;

    private static final long NO_ADDRESS = -1;

    private long exclusiveAddress = NO_ADDRESS;
    private int exclusiveBytes;

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

    /** As {@link #load8}, with the permissions of EL0 (LDTR). */
    long load8Unprivileged(long va) {
        return load8(va);
    }

    long load16Unprivileged(long va) {
        return load16(va);
    }

    long load32Unprivileged(long va) {
        return load32(va);
    }

    long load64Unprivileged(long va) {
        return load64(va);
    }

    /** As {@link #store8}, with the permissions of EL0 (STTR). */
    void store8Unprivileged(long va, long value) {
        store8(va, value);
    }

    void store16Unprivileged(long va, long value) {
        store16(va, value);
    }

    void store32Unprivileged(long va, long value) {
        store32(va, value);
    }

    void store64Unprivileged(long va, long value) {
        store64(va, value);
    }

    /** Loads zero-extended, acquire; misalignment is an Alignment fault. */
    long loadAcquire(long va, int sizeBytes) {
        checkAlignment(va, sizeBytes, false);
        return load(va, sizeBytes);
    }

    /** Stores, release; misalignment is an Alignment fault. */
    void storeRelease(long va, int sizeBytes, long value) {
        checkAlignment(va, sizeBytes, true);
        store(va, sizeBytes, value);
    }

    /** Loads zero-extended, acquire, and arms the exclusive monitor (§B2.12). */
    long loadExclusive(long va, int sizeBytes) {
        exclusiveLow = loadAcquire(va, sizeBytes);
        exclusiveAddress = va;
        exclusiveBytes = sizeBytes;
        return exclusiveLow;
    }

    /** Stores if the monitor is still armed for just this access; disarms it. */
    boolean storeExclusive(long va, int sizeBytes, long value) {
        checkAlignment(va, sizeBytes, true);
        boolean armed = exclusiveAddress == va && exclusiveBytes == sizeBytes;
        exclusiveAddress = NO_ADDRESS;
        return armed && compareAndSwap(va, sizeBytes, exclusiveLow, value) == exclusiveLow;
    }

    /** Fills {@link #exclusiveLow}, {@link #exclusiveHigh} and arms the monitor for the pair. */
    void loadExclusivePair(long va, int elementBytes) {
        checkAlignment(va, 2 * elementBytes, false);
        exclusiveLow = load(va, elementBytes);
        exclusiveHigh = load(va + elementBytes, elementBytes);
        exclusiveAddress = va;
        exclusiveBytes = 2 * elementBytes;
    }

    /** As {@link #storeExclusive}, for a pair. */
    boolean storeExclusivePair(long va, int elementBytes, long low, long high) {
        checkAlignment(va, 2 * elementBytes, true);
        boolean armed = exclusiveAddress == va && exclusiveBytes == 2 * elementBytes;
        exclusiveAddress = NO_ADDRESS;
        if (!armed) {
            return false;
        }
        compareAndSwapPair(va, elementBytes, exclusiveLow, exclusiveHigh, low, high);
        return pairLow == exclusiveLow && pairHigh == exclusiveHigh;
    }

    /**
     * Atomically replaces {@code expected} by {@code value}, both taken modulo the size; acquire
     * and release.
     *
     * @return the value found, zero-extended
     */
    long compareAndSwap(long va, int sizeBytes, long expected, long value) {
        checkAlignment(va, sizeBytes, true);
        long old = load(va, sizeBytes);
        if (old == (expected & (-1L >>> (64 - 8 * sizeBytes)))) {
            store(va, sizeBytes, value);
        }
        return old;
    }

    /** As {@link #compareAndSwap}, for a pair; what was found is in pairLow and pairHigh. */
    void compareAndSwapPair(
            long va, int elementBytes, long expectedLow, long expectedHigh, long low, long high) {
        checkAlignment(va, 2 * elementBytes, true);
        pairLow = load(va, elementBytes);
        pairHigh = load(va + elementBytes, elementBytes);
        long mask = -1L >>> (64 - 8 * elementBytes);
        if (pairLow == (expectedLow & mask) && pairHigh == (expectedHigh & mask)) {
            store(va, elementBytes, low);
            store(va + elementBytes, elementBytes, high);
        }
    }

    private long load(long va, int sizeBytes) {
        return switch (sizeBytes) {
            case 1 -> load8(va);
            case 2 -> load16(va);
            case 4 -> load32(va);
            default -> load64(va);
        };
    }

    private void store(long va, int sizeBytes, long value) {
        switch (sizeBytes) {
            case 1 -> store8(va, value);
            case 2 -> store16(va, value);
            case 4 -> store32(va, value);
            default -> store64(va, value);
        }
    }

    /** Data Abort, Alignment fault (§D17.2.37: EC 0x25, IL, WnR, DFSC 0x21). */
    private void checkAlignment(long va, int sizeBytes, boolean write) {
        if ((va & (sizeBytes - 1)) != 0) {
            exception.syndrome = 0x25L << 26 | 1L << 25 | (write ? 1L << 6 : 0) | 0x21;
            exception.faultAddress = va;
            exception.hasFaultAddress = true;
            throw exception;
        }
    }
}
