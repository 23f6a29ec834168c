package nestor.cpu.x86;

import java.util.Arrays;
import java.util.function.IntConsumer;
import nestor.cpu.CodePages;
import nestor.cpu.DebugUnit;
import nestor.cpu.HostMemory;
import nestor.cpu.JumpCache;
import nestor.cpu.RamMap;
import nestor.cpu.ShareableDomain;
import nestor.cpu.SoftTlb;
import nestor.vmm.mmio.MmioBus;
import nestor.vmm.mmio.PortBus;
import nestor.vmm.time.Clock;
import org.jspecify.annotations.Nullable;

/**
 * Architectural state of one logical processor, and its view of memory: what ops work on. Belongs
 * to the vCPU's thread.
 *
 * <p>Memory accesses take linear addresses and first probe the software TLB of the current regime,
 * inline; a miss goes to {@link DataAccess}.
 */
final class X86Cpu {
    static final int RAX = 0;
    static final int RCX = 1;
    static final int RDX = 2;
    static final int RBX = 3;
    static final int RSP = 4;
    static final int RBP = 5;
    static final int RSI = 6;
    static final int RDI = 7;
    static final int R11 = 11;

    /** Index in {@link #x} that always reads zero: a base or index that is not there. */
    static final int ZERO = 16;

    /**
     * Index in {@link #x} of the running block's first instruction; between blocks, of the next
     * instruction.
     */
    static final int RIP = 17;

    /** Index in {@link #x} of the base of ES; the other segments' follow in their order. */
    static final int SEGMENT_BASES = 18;

    /** General registers, {@link #ZERO}, {@link #RIP}, segment bases. */
    final long[] x = new long[SEGMENT_BASES + Segment.COUNT];

    /** XMM registers, two quadwords each, and what {@link XmmOperand} puts behind them. */
    final long[] vector = new long[XmmOperand.COUNT];

    /** MXCSR (1 §10.2.3). */
    int mxcsr;

    final X87 x87;
    final SoftFloat soft = new SoftFloat();

    /** See {@link Flags}. */
    long flagX;

    long flagY;
    long flagSum;
    long flagResult;

    /** RFLAGS without the six arithmetic flags and the bit that is always 1. */
    int otherFlags;

    long cr0;
    long cr2;
    long cr3;
    long cr4;

    /** IA32_EFER. */
    long efer;

    /** Whether CS is a 64-bit code segment. */
    boolean mode64;

    /** Current privilege level, 0 or 3 as Linux has it; any of 0..3. */
    int cpl;

    /** Instructions left in this slice; the block loop ends when none is. */
    int budget;

    /** {@link SoftTlb#base} of the current regime. */
    long tlb;

    /** Blocks by virtual address, in the current regime. */
    JumpCache<X86Block> jumps;

    /** Of a debugger; null while there is none. */
    @Nullable DebugUnit debug;

    final Mmu mmu;
    final X86Cluster cluster;
    final ShareableDomain domain;
    final CodePages<X86Block> code;
    final PortBus ports;
    final DataAccess data;
    final SegmentRegisters segments;
    final Msrs msrs;
    final LocalApic apic;
    final Clock clock;

    /** Somebody wants an interrupt delivered. Written by any thread. */
    volatile boolean interruptRequested;

    /** The interrupt that is requested is, or is also, an NMI. Written by any thread. */
    volatile boolean nmiRequested;

    /** From an NMI to the next IRET. */
    boolean nmiBlocked;

    /** HLT, and no interrupt since. */
    boolean halted;

    /** A triple fault: the processor stands still until it is reset. */
    boolean shutdown;

    /** DR0-DR3. */
    final long[] breakpoints = new long[4];

    /** DR6 and DR7, without the bits that are always set. */
    long dr6;

    long dr7;

    private final Runnable wakeUp;
    private boolean inhibited;
    private long inhibitedAt;
    private final X86Exception exception = new X86Exception();
    private int slice;

    /** What a processor is wired to. */
    record Wiring(
            int apicId,
            X86Cluster cluster,
            MmioBus mmio,
            PortBus ports,
            Clock clock,
            IntConsumer endOfInterrupt,
            Runnable wakeUp) {}

    X86Cpu(Wiring wiring) {
        cluster = wiring.cluster();
        domain = cluster.domain;
        code = cluster.code;
        ports = wiring.ports();
        clock = wiring.clock();
        wakeUp = wiring.wakeUp();
        segments = new SegmentRegisters(this);
        x87 = new X87(this);
        msrs = new Msrs(this, clock);
        apic = new LocalApic(this, wiring.apicId(), wiring.endOfInterrupt());
        mmu = new Mmu(this, cluster.ram, code);
        data = new DataAccess(this, cluster.ram, wiring.mmio());
        jumps = mmu.jumps();
        cluster.add(this);
        reset();
    }

    /** Into flat 32-bit protected mode, paging off: what a PVH entry expects. */
    void reset() {
        Arrays.fill(x, 0);
        Arrays.fill(vector, 0);
        mxcsr = FxState.MXCSR_RESET;
        x87.initialize();
        otherFlags = 0;
        Flags.set(this, 0);
        cpl = 0;
        cr0 = ControlRegister.CR0_PE.mask() | ControlRegister.CR0_ET.mask();
        cr2 = 0;
        cr3 = 0;
        cr4 = 0;
        efer = 0;
        mode64 = false;
        halted = false;
        shutdown = false;
        nmiBlocked = false;
        inhibited = false;
        Arrays.fill(breakpoints, 0);
        dr6 = 0;
        dr7 = 0;
        segments.reset();
        msrs.reset();
        apic.reset();
        mmu.controlsChanged();
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

    /** An interrupt has come in. Any thread. */
    void wake() {
        wakeUp.run();
    }

    /** Nothing can be delivered any more (3A §6.15, interrupt 8). */
    void tripleFault() {
        shutdown = true;
        endSlice();
    }

    /** Throws #GP(0) above level 0. */
    void checkSupervisor() {
        if (cpl != 0) {
            throw generalProtection();
        }
    }

    /** CR4.UMIP: SGDT, SIDT, SLDT, SMSW and STR are #GP(0) above level 0. */
    void checkUserModeInstructionPrevention() {
        if (cpl != 0 && ControlRegister.CR4_UMIP.isSet(cr4)) {
            throw generalProtection();
        }
    }

    /** Sets the base of FS or GS. */
    void setSegmentBase(int segment, long base) {
        segments.set(segment, segments.get(segment).at(base));
    }

    /** An exception without error code or with error code 0, to be thrown. */
    X86Exception raise(int vector) {
        return raise(vector, 0);
    }

    /** An exception, to be thrown. */
    X86Exception raise(int vector, int errorCode) {
        exception.vector = vector;
        exception.errorCode = errorCode;
        exception.nonCanonical = false;
        exception.trap = false;
        exception.software = false;
        exception.singleStep = false;
        return exception;
    }

    /** #GP(0), to be thrown. */
    X86Exception generalProtection() {
        return raise(Vector.GP);
    }

    /** #GP(0), or #SS(0) if the access is through the stack segment. */
    X86Exception nonCanonical() {
        X86Exception e = raise(Vector.GP);
        e.nonCanonical = true;
        return e;
    }

    /** #PF, to be thrown. */
    X86Exception pageFault(long va, int errorCode) {
        X86Exception e = raise(Vector.PF, errorCode);
        e.faultAddress = va;
        return e;
    }

    /** INT n, INT3, INTO, to be thrown. */
    X86Exception softwareInterrupt(int vector) {
        X86Exception e = raise(vector);
        e.trap = true;
        e.software = true;
        return e;
    }

    /** RFLAGS.IOPL. */
    int ioPrivilegeLevel() {
        return (otherFlags & Flags.IOPL) >> Flags.IOPL_SHIFT;
    }

    /** POPF: sets what of an RFLAGS image the privilege level allows (2B, table 4-21). */
    void setFlags(int image, int bytes) {
        int mask = Flags.ARITHMETIC | Flags.TF | Flags.DF | Flags.NT | Flags.AC | Flags.ID;
        mask |= cpl == 0 ? Flags.IOPL : 0;
        mask |= cpl <= ioPrivilegeLevel() ? Flags.IF : 0;
        replaceFlags(image, bytes == 2 ? mask & 0xffff : mask);
    }

    /** Sets the flags of {@code mask}, the arithmetic ones among them; RF becomes clear. */
    void replaceFlags(int image, int mask) {
        int before = otherFlags;
        Flags.setImage(this, image, mask);
        otherFlags &= ~Flags.RF;
        if (((before ^ otherFlags) & Flags.AC) != 0) {
            mmu.modeChanged();
        }
        checkInterrupts();
    }

    /** STI and its like: no interrupt before the instruction at {@code rip} is done. */
    void inhibitInterruptsAt(long rip) {
        inhibited = true;
        inhibitedAt = rip;
    }

    /** Whether an interrupt has to wait for the next instruction; asked once per instruction. */
    boolean takeInhibition() {
        boolean inhibits = inhibited && inhibitedAt == x[RIP];
        inhibited = false;
        return inhibits;
    }

    /** An unmasked interrupt may have become deliverable: look at it after this block. */
    void checkInterrupts() {
        if (interruptRequested && (otherFlags & Flags.IF) != 0) {
            endSlice();
        }
    }

    /** Throws #GP(0) if a branch to {@code target} would leave the canonical addresses. */
    void checkTarget(long target) {
        if (!mmu.isCanonical(target)) {
            throw generalProtection();
        }
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

    /** Loads 1, 2, 4 or 8 bytes, zero-extended. */
    long load(long va, int bytes) {
        return switch (bytes) {
            case 1 -> load8(va);
            case 2 -> load16(va);
            case 4 -> load32(va);
            default -> load64(va);
        };
    }

    /** Loads what is stored next: faults as the store would. */
    long loadForUpdate(long va, int bytes) {
        long entry = tlb + SoftTlb.offset(va);
        return HostMemory.getLong(entry + SoftTlb.WRITE) == ((va + bytes - 1) & SoftTlb.PAGE_MASK)
                ? HostMemory.get(va + HostMemory.getLong(entry + SoftTlb.ADDEND), bytes)
                : data.loadForUpdate(mmu.current(), va, bytes);
    }

    /** Host address of a byte that a load may take, if the TLB has it, or NONE. */
    long readable(long va) {
        long entry = tlb + SoftTlb.offset(va);
        return HostMemory.getLong(entry + SoftTlb.READ) == (va & SoftTlb.PAGE_MASK)
                ? va + HostMemory.getLong(entry + SoftTlb.ADDEND)
                : RamMap.NONE;
    }

    /** Host address of a byte that a store may change, if the TLB has it, or NONE. */
    long writable(long va) {
        long entry = tlb + SoftTlb.offset(va);
        return HostMemory.getLong(entry + SoftTlb.WRITE) == (va & SoftTlb.PAGE_MASK)
                ? va + HostMemory.getLong(entry + SoftTlb.ADDEND)
                : RamMap.NONE;
    }

    /** Bytes from {@code va} to the end of its page. */
    static long toPageEnd(long va) {
        return RamMap.PAGE_BYTES - (va & (RamMap.PAGE_BYTES - 1));
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

    /** Stores the low 1, 2, 4 or 8 bytes. */
    void store(long va, int bytes, long value) {
        switch (bytes) {
            case 1 -> store8(va, value);
            case 2 -> store16(va, value);
            case 4 -> store32(va, value);
            default -> store64(va, value);
        }
    }

    /**
     * Atomically replaces {@code expected} by {@code value}, both taken modulo the size; a full
     * fence (3A §8.2.3.9). Any alignment: a split lock stops the other processors.
     *
     * @return the value found, zero-extended
     */
    long compareAndExchange(long va, int bytes, long expected, long value) {
        if ((va & (bytes - 1)) != 0) {
            return data.splitLock(mmu.current(), va, bytes, expected, value);
        }
        long entry = tlb + SoftTlb.offset(va);
        return HostMemory.getLong(entry + SoftTlb.WRITE) == (va & SoftTlb.PAGE_MASK)
                ? HostMemory.compareAndExchange(
                        va + HostMemory.getLong(entry + SoftTlb.ADDEND), bytes, expected, value)
                : data.compareAndExchange(mmu.current(), va, bytes, expected, value);
    }
}
