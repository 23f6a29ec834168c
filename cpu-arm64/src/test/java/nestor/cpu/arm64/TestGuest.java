package nestor.cpu.arm64;

import java.lang.foreign.MemorySegment;
import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.mmio.MmioBus;
import nestor.vmm.mmio.MmioRegion;
import nestor.vmm.time.ManualClock;

/**
 * One processing element with 4 MiB of RAM, vectors that stop, and translation tables that tests
 * fill: 4 KiB granule, 39-bit addresses, TTBR0 only. RAM is mapped flat for EL1.
 */
final class TestGuest implements AutoCloseable {
    static final long RAM = 0x4000_0000L;
    static final long CODE = RAM;
    static final long VECTORS = RAM + 0x1_0000;
    static final long DATA = RAM + 0x2_0000;
    static final long DEVICE = 0x900_0000L;
    private static final long RAM_BYTES = 4L << 20;
    private static final long TABLES = RAM + 0x10_0000;
    private static final int BUDGET = 10_000;

    /** Leaf attributes: normal memory (MAIR index 0), AF, EL1 only, non-global. */
    static final long KERNEL = 1L << 11 | 1 << 10;

    static final long USER = KERNEL | 1 << 6;
    static final long READ_ONLY = 1 << 7;
    static final long AF = 1 << 10;
    static final long DEVICE_MEMORY = 1 << 2;
    static final long UXN = 1L << 54;
    static final long PXN = 1L << 53;
    static final long GLOBAL = 1 << 11;

    static final int LOWER_SYNC = 0x400;
    static final int CURRENT_SYNC = 0x200;
    static final int CURRENT_IRQ = 0x280;

    final GuestMemory memory = GuestMemory.anonymous(RAM, RAM_BYTES);
    final ManualClock clock = new ManualClock();
    final Arm64Cpu cpu;
    private final Interpreter interpreter;
    private final long rootTable;
    private long nextTable = TABLES;
    long deviceValue = 0x55;

    TestGuest() {
        MmioBus mmio = new MmioBus();
        mmio.map(
                DEVICE,
                0x1000,
                new MmioRegion() {
                    @Override
                    public long read(long offset, int sizeBytes) {
                        return deviceValue;
                    }

                    @Override
                    public void write(long offset, int sizeBytes, long value) {
                        deviceValue = value;
                    }
                });
        cpu =
                new Arm64Cpu(
                        new Arm64Cpu.Wiring(
                                new Arm64Cluster(memory),
                                mmio,
                                new GenericTimer(clock, _ -> {}, _ -> {}),
                                NoGic.PORT,
                                (function, _, _, _) -> function, // X0 survives
                                0x8000_0000L));
        interpreter = new Interpreter(cpu);
        for (int offset = 0; offset < 0x800; offset += 0x80) {
            code(VECTORS + offset, A64.STOP);
        }
        cpu.system[Slot.VBAR] = VECTORS;
        cpu.system[Slot.CPACR] = SystemRegisters.FPEN.mask();
        rootTable = newTable();
    }

    /** Puts instructions into RAM, as a device would. */
    void code(long gpa, int... words) {
        try {
            memory.copyIn(MemorySegment.ofArray(words), gpa);
        } catch (GuestAccessException e) {
            throw new IllegalArgumentException(e);
        }
    }

    long read(long gpa) {
        try {
            return memory.getLongLe(gpa);
        } catch (GuestAccessException e) {
            throw new IllegalArgumentException(e);
        }
    }

    void write(long gpa, long value) {
        try {
            memory.setLongLe(gpa, value);
        } catch (GuestAccessException e) {
            throw new IllegalArgumentException(e);
        }
    }

    /**
     * Runs from {@code pc} at the current Exception level until {@link A64#STOP} or an exception.
     */
    void runFrom(long pc) {
        cpu.pc = pc;
        cpu.beginSlice(BUDGET);
        interpreter.run();
        if (cpu.executed() >= BUDGET) {
            throw new IllegalStateException("the program does not end");
        }
    }

    /** Runs {@code words} at CODE. */
    void run(int... words) {
        code(CODE, words);
        runFrom(CODE);
    }

    /** Enters EL0 with an address space in which code at CODE runs there. */
    void toUser() {
        map(CODE, CODE, USER | READ_ONLY | PXN);
        enter(0);
    }

    void enter(int el) {
        cpu.el = el;
        cpu.spSel = el == 1;
        cpu.mmu.modeChanged();
    }

    /** Offset from VBAR of the exception that ended the run; -1 if none did. */
    int vector() {
        long offset = cpu.pc - 4 - VECTORS;
        return offset >= 0 && offset < 0x800 ? (int) offset : -1;
    }

    long esr() {
        return cpu.system[Slot.ESR];
    }

    long far() {
        return cpu.system[Slot.FAR];
    }

    /** Turns the MMU on, with RAM mapped flat for EL1, by 4 KiB pages. */
    void mmuOn() {
        for (long gpa = RAM; gpa < TABLES; gpa += 0x1000) {
            map(gpa, gpa, KERNEL | UXN);
        }
        cpu.system[Slot.TCR] = 25 | 1L << 23 | 5L << 32 | 1L << 36; // T0SZ, EPD1, IPS 48, AS
        cpu.system[Slot.TTBR0] = rootTable;
        cpu.system[Slot.MAIR] = 0x00ff; // 0: normal, 1: Device-nGnRnE
        cpu.system[Slot.SCTLR] |= 1;
        cpu.mmu.controlsChanged();
    }

    void useAsid(int asid) {
        cpu.system[Slot.TTBR0] = rootTable | (long) asid << 48;
        cpu.mmu.tablesChanged(false);
    }

    /** Maps one page; TLB maintenance is the test's business. */
    void map(long va, long pa, long attributes) {
        write(slot(va, 3), pa | attributes | 3);
    }

    /** Writes a descriptor of any level. */
    void descriptor(long va, int level, long value) {
        write(slot(va, level), value);
    }

    private long slot(long va, int level) {
        long table = rootTable;
        for (int l = 1; l < level; l++) {
            long at = table + index(va, l) * 8;
            if ((read(at) & 1) == 0) {
                write(at, newTable() | 3);
            }
            table = read(at) & 0xffff_ffff_f000L;
        }
        return table + index(va, level) * 8;
    }

    private static long index(long va, int level) {
        return va >>> (12 + 9 * (3 - level)) & 0x1ff;
    }

    private long newTable() {
        long table = nextTable;
        nextTable += 0x1000;
        return table;
    }

    @Override
    public void close() {
        memory.close();
    }
}
