package nestor.cpu.arm64;

import java.util.Arrays;
import nestor.cpu.CodePages;
import nestor.cpu.DebugUnit;
import nestor.cpu.HostMemory;
import nestor.cpu.JumpCache;
import nestor.cpu.ShareableDomain;
import nestor.cpu.SoftTlb;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.mmio.MmioBus;
import nestor.vmm.time.ManualClock;
import org.jspecify.annotations.Nullable;

/**
 * Architectural state of one A64 processing element, and its view of memory: what ops work on.
 * Everything here belongs to the vCPU's thread, except {@link #irqAsserted}.
 *
 * <p>Memory accesses first probe the software TLB of the current regime, inline; a miss goes to
 * {@link DataAccess}.
 */
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

    /** Instructions left in this slice; the block loop ends when none is. */
    int budget;

    /** {@link SoftTlb#base} of the current regime, and of EL0's. */
    long tlb;

    long userTlb;

    /** Blocks by virtual address, in the current regime. */
    JumpCache<A64Block> jumps;

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

    /** PSTATE.EL: 0 or 1. */
    int el = 1;

    /** PSTATE.SP: whether EL1 uses SP_EL1. */
    boolean spSel = true;

    /** PSTATE.{D,A,I,F}, as the immediate of MSR DAIFSet has them: D is bit 3. */
    int daif = Pstate.DAIF_ALL;

    /** PSTATE.PAN. */
    boolean pan;

    /** System registers that are storage, by {@link Slot}. */
    final long[] system = new long[Slot.COUNT];

    /** The GIC CPU interface drives its IRQ output. Written by any thread. */
    volatile boolean irqAsserted;

    /** The guest executed WFI and no wake-up event has come since. */
    boolean waiting;

    /** Of a debugger; null while there is none. */
    @Nullable DebugUnit debug;

    final Mmu mmu;
    final GenericTimer timer;
    final SystemRegisterPort gic;
    final HypercallPort hypercalls;
    final ShareableDomain domain;
    final CodePages<A64Block> code;
    final Arm64Cluster cluster;
    final long mpidr;

    private final DataAccess data;
    private final Arm64Exception exception = new Arm64Exception();
    private int slice;

    /** What a processing element is wired to. */
    record Wiring(
            Arm64Cluster cluster,
            MmioBus mmio,
            GenericTimer timer,
            SystemRegisterPort gic,
            HypercallPort hypercalls,
            long mpidr) {}

    Arm64Cpu(Wiring wiring) {
        cluster = wiring.cluster();
        timer = wiring.timer();
        gic = wiring.gic();
        hypercalls = wiring.hypercalls();
        domain = cluster.domain;
        code = cluster.code;
        mpidr = wiring.mpidr();
        mmu = new Mmu(this, cluster.ram, code);
        data = new DataAccess(this, cluster.ram, wiring.mmio());
        jumps = mmu.current().jumps;
        cluster.add(this);
        reset();
    }

    /** A processing element with RAM and nothing else, its MMU off: for running single ops. */
    Arm64Cpu(GuestMemory memory) {
        this(
                new Wiring(
                        new Arm64Cluster(memory),
                        new MmioBus(),
                        new GenericTimer(new ManualClock(), _ -> {}, _ -> {}),
                        NoGic.PORT,
                        (_, _, _, _) -> -1,
                        0));
    }

    /** Warm reset (§D1.4.1), into EL1 with the MMU off. */
    void reset() {
        Arrays.fill(x, 0);
        Arrays.fill(v, 0);
        Arrays.fill(system, 0);
        system[Slot.SCTLR] = SystemRegisters.SCTLR_RESET;
        system[Slot.OS_LOCK] = 1;
        nzcv = 0;
        fpcr = 0;
        fpsr = 0;
        el = 1;
        spSel = true;
        daif = Pstate.DAIF_ALL;
        pan = false;
        waiting = false;
        exclusiveAddress = NO_ADDRESS;
        timer.reset();
        mmu.controlsChanged();
        mmu.flushJumps();
    }

    /** Lets the block loop run for about {@code instructions}. */
    void beginSlice(int instructions) {
        slice = instructions;
        budget = instructions;
    }

    /** Instructions executed since {@link #beginSlice}. */
    int executed() {
        return slice - budget;
    }

    /** Has the block loop end after the current block. */
    void endSlice() {
        slice -= budget;
        budget = 0;
    }

    /** An unmasked interrupt may have become deliverable: look at it after this block. */
    void checkInterrupts() {
        if (irqAsserted && (daif & Pstate.DAIF_I) == 0) {
            endSlice();
        }
    }

    /** Whether CPACR_EL1.FPEN traps FP instructions at the current Exception level. */
    boolean fpTrapped() {
        return switch (SystemRegisters.FPEN.getInt(system[Slot.CPACR])) {
            case 0b11 -> false;
            case 0b01 -> el == 0;
            default -> true;
        };
    }

    /** An exception of Unknown reason, to be thrown. */
    Arm64Exception undefined() {
        return raise(Syndrome.of(Syndrome.UNKNOWN, 0));
    }

    /** An exception without fault address, to be thrown. */
    Arm64Exception raise(long syndrome) {
        exception.syndrome = syndrome;
        exception.hasFaultAddress = false;
        return exception;
    }

    /** An exception with fault address, to be thrown. */
    Arm64Exception raise(long syndrome, long faultAddress) {
        exception.syndrome = syndrome;
        exception.faultAddress = faultAddress;
        exception.hasFaultAddress = true;
        return exception;
    }

    /** An Instruction or Data Abort, to be thrown. */
    Arm64Exception abort(long va, Mmu.Access access, int faultStatus) {
        if (access == Mmu.Access.FETCH) {
            int ec = el == 0 ? Syndrome.INSTRUCTION_ABORT_LOWER : Syndrome.INSTRUCTION_ABORT_SAME;
            return raise(Syndrome.of(ec, faultStatus), va);
        }
        int ec = el == 0 ? Syndrome.DATA_ABORT_LOWER : Syndrome.DATA_ABORT_SAME;
        long write = access == Mmu.Access.WRITE ? Syndrome.WNR.mask() : 0;
        return raise(Syndrome.of(ec, faultStatus | write), va);
    }

    /** Loads zero-extended; a fault throws. Any alignment. */
    long load8(long va) {
        long entry = tlb + SoftTlb.offset(va);
        return HostMemory.getLong(entry + SoftTlb.READ) == (va & SoftTlb.PAGE_MASK)
                ? HostMemory.getByte(va + HostMemory.getLong(entry + SoftTlb.ADDEND)) & 0xffL
                : data.load(mmu.current(), va, 1);
    }

    long load16(long va) {
        long entry = tlb + SoftTlb.offset(va);
        return HostMemory.getLong(entry + SoftTlb.READ) == ((va + 1) & SoftTlb.PAGE_MASK)
                ? HostMemory.getShort(va + HostMemory.getLong(entry + SoftTlb.ADDEND)) & 0xffffL
                : data.load(mmu.current(), va, 2);
    }

    long load32(long va) {
        long entry = tlb + SoftTlb.offset(va);
        return HostMemory.getLong(entry + SoftTlb.READ) == ((va + 3) & SoftTlb.PAGE_MASK)
                ? HostMemory.getInt(va + HostMemory.getLong(entry + SoftTlb.ADDEND)) & 0xffff_ffffL
                : data.load(mmu.current(), va, 4);
    }

    long load64(long va) {
        long entry = tlb + SoftTlb.offset(va);
        return HostMemory.getLong(entry + SoftTlb.READ) == ((va + 7) & SoftTlb.PAGE_MASK)
                ? HostMemory.getLong(va + HostMemory.getLong(entry + SoftTlb.ADDEND))
                : data.load(mmu.current(), va, 8);
    }

    /** Stores the low bits of {@code value}; a fault throws and stores nothing. Any alignment. */
    void store8(long va, long value) {
        long entry = tlb + SoftTlb.offset(va);
        if (HostMemory.getLong(entry + SoftTlb.WRITE) == (va & SoftTlb.PAGE_MASK)) {
            HostMemory.putByte(va + HostMemory.getLong(entry + SoftTlb.ADDEND), (byte) value);
        } else {
            data.store(mmu.current(), va, 1, value);
        }
    }

    void store16(long va, long value) {
        long entry = tlb + SoftTlb.offset(va);
        if (HostMemory.getLong(entry + SoftTlb.WRITE) == ((va + 1) & SoftTlb.PAGE_MASK)) {
            HostMemory.putShort(va + HostMemory.getLong(entry + SoftTlb.ADDEND), (short) value);
        } else {
            data.store(mmu.current(), va, 2, value);
        }
    }

    void store32(long va, long value) {
        long entry = tlb + SoftTlb.offset(va);
        if (HostMemory.getLong(entry + SoftTlb.WRITE) == ((va + 3) & SoftTlb.PAGE_MASK)) {
            HostMemory.putInt(va + HostMemory.getLong(entry + SoftTlb.ADDEND), (int) value);
        } else {
            data.store(mmu.current(), va, 4, value);
        }
    }

    void store64(long va, long value) {
        long entry = tlb + SoftTlb.offset(va);
        if (HostMemory.getLong(entry + SoftTlb.WRITE) == ((va + 7) & SoftTlb.PAGE_MASK)) {
            HostMemory.putLong(va + HostMemory.getLong(entry + SoftTlb.ADDEND), value);
        } else {
            data.store(mmu.current(), va, 8, value);
        }
    }

    /** As {@link #load8}, with the permissions of EL0 (LDTR). */
    long load8Unprivileged(long va) {
        return loadUnprivileged(va, 1);
    }

    long load16Unprivileged(long va) {
        return loadUnprivileged(va, 2);
    }

    long load32Unprivileged(long va) {
        return loadUnprivileged(va, 4);
    }

    long load64Unprivileged(long va) {
        return loadUnprivileged(va, 8);
    }

    private long loadUnprivileged(long va, int sizeBytes) {
        long entry = userTlb + SoftTlb.offset(va);
        return HostMemory.getLong(entry + SoftTlb.READ)
                        == ((va + sizeBytes - 1) & SoftTlb.PAGE_MASK)
                ? HostMemory.get(va + HostMemory.getLong(entry + SoftTlb.ADDEND), sizeBytes)
                : data.load(mmu.user(), va, sizeBytes);
    }

    /** As {@link #store8}, with the permissions of EL0 (STTR). */
    void store8Unprivileged(long va, long value) {
        storeUnprivileged(va, 1, value);
    }

    void store16Unprivileged(long va, long value) {
        storeUnprivileged(va, 2, value);
    }

    void store32Unprivileged(long va, long value) {
        storeUnprivileged(va, 4, value);
    }

    void store64Unprivileged(long va, long value) {
        storeUnprivileged(va, 8, value);
    }

    private void storeUnprivileged(long va, int sizeBytes, long value) {
        long entry = userTlb + SoftTlb.offset(va);
        if (HostMemory.getLong(entry + SoftTlb.WRITE)
                == ((va + sizeBytes - 1) & SoftTlb.PAGE_MASK)) {
            HostMemory.put(va + HostMemory.getLong(entry + SoftTlb.ADDEND), sizeBytes, value);
        } else {
            data.store(mmu.user(), va, sizeBytes, value);
        }
    }

    /** Loads zero-extended, acquire; misalignment is an Alignment fault. */
    long loadAcquire(long va, int sizeBytes) {
        checkAlignment(va, sizeBytes, Mmu.Access.READ);
        long value = load(va, sizeBytes);
        HostMemory.loadFence();
        return value;
    }

    /** Stores, release; misalignment is an Alignment fault. */
    void storeRelease(long va, int sizeBytes, long value) {
        checkAlignment(va, sizeBytes, Mmu.Access.WRITE);
        HostMemory.storeFence();
        store(va, sizeBytes, value);
        domain.afterRelease();
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
        checkAlignment(va, sizeBytes, Mmu.Access.WRITE);
        boolean armed = exclusiveAddress == va && exclusiveBytes == sizeBytes;
        exclusiveAddress = NO_ADDRESS;
        return armed && compareAndSwap(va, sizeBytes, exclusiveLow, value) == exclusiveLow;
    }

    /** Fills {@link #exclusiveLow}, {@link #exclusiveHigh} and arms the monitor for the pair. */
    void loadExclusivePair(long va, int elementBytes) {
        checkAlignment(va, 2 * elementBytes, Mmu.Access.READ);
        long low = load(va, elementBytes);
        exclusiveHigh = load(va + elementBytes, elementBytes);
        exclusiveLow = low;
        HostMemory.loadFence();
        exclusiveAddress = va;
        exclusiveBytes = 2 * elementBytes;
    }

    /** As {@link #storeExclusive}, for a pair. */
    boolean storeExclusivePair(long va, int elementBytes, long low, long high) {
        checkAlignment(va, 2 * elementBytes, Mmu.Access.WRITE);
        boolean armed = exclusiveAddress == va && exclusiveBytes == 2 * elementBytes;
        exclusiveAddress = NO_ADDRESS;
        if (!armed) {
            return false;
        }
        compareAndSwapPair(va, elementBytes, exclusiveLow, exclusiveHigh, low, high);
        return pairLow == exclusiveLow && pairHigh == exclusiveHigh;
    }

    /** CLREX; also done by ERET. */
    void clearExclusive() {
        exclusiveAddress = NO_ADDRESS;
    }

    /**
     * Atomically replaces {@code expected} by {@code value}, both taken modulo the size; acquire
     * and release.
     *
     * @return the value found, zero-extended
     */
    long compareAndSwap(long va, int sizeBytes, long expected, long value) {
        checkAlignment(va, sizeBytes, Mmu.Access.WRITE);
        long entry = tlb + SoftTlb.offset(va);
        return HostMemory.getLong(entry + SoftTlb.WRITE) == (va & SoftTlb.PAGE_MASK)
                ? HostMemory.compareAndExchange(
                        va + HostMemory.getLong(entry + SoftTlb.ADDEND), sizeBytes, expected, value)
                : data.compareAndSwap(mmu.current(), va, sizeBytes, expected, value);
    }

    /** As {@link #compareAndSwap}, for a pair; what was found is in pairLow and pairHigh. */
    void compareAndSwapPair(
            long va, int elementBytes, long expectedLow, long expectedHigh, long low, long high) {
        checkAlignment(va, 2 * elementBytes, Mmu.Access.WRITE);
        if (elementBytes == 4) {
            long expected = expectedLow & 0xffff_ffffL | expectedHigh << 32;
            long found = compareAndSwap(va, 8, expected, low & 0xffff_ffffL | high << 32);
            pairLow = found & 0xffff_ffffL;
            pairHigh = found >>> 32;
        } else {
            domain.exclusively(() -> swapPair(va, expectedLow, expectedHigh, low, high));
        }
    }

    /** 16 bytes are one naturally aligned unit: both halves fault, or none does. */
    private void swapPair(long va, long expectedLow, long expectedHigh, long low, long high) {
        pairLow = load64(va);
        pairHigh = load64(va + 8);
        boolean equal = pairLow == expectedLow && pairHigh == expectedHigh;
        store64(va, equal ? low : pairLow);
        store64(va + 8, equal ? high : pairHigh);
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

    private void checkAlignment(long va, int sizeBytes, Mmu.Access access) {
        if ((va & (sizeBytes - 1)) != 0) {
            throw abort(va, access, Syndrome.ALIGNMENT);
        }
    }

    /** DC and IC by address: nothing to do but to translate. */
    void maintain(long va) {
        try {
            mmu.resolve(mmu.current(), va, Mmu.Access.READ);
        } catch (Arm64Exception e) {
            e.syndrome |= Syndrome.CM.mask() | Syndrome.WNR.mask();
            throw e;
        }
    }

    /** DC ZVA: zeroes the 64-byte block that holds {@code va}. */
    void zeroBlock(long va) {
        long block = va & -DataAccess.ZERO_BLOCK_BYTES;
        long entry = tlb + SoftTlb.offset(block);
        if (HostMemory.getLong(entry + SoftTlb.WRITE) == (block & SoftTlb.PAGE_MASK)) {
            DataAccess.zero(block + HostMemory.getLong(entry + SoftTlb.ADDEND));
        } else {
            data.zeroBlock(mmu.current(), va);
        }
    }
}
