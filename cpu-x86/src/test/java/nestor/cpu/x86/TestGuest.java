package nestor.cpu.x86;

import java.lang.foreign.MemorySegment;
import java.util.HexFormat;
import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.mmio.MmioBus;
import nestor.vmm.mmio.PortBus;
import nestor.vmm.time.ManualClock;

/**
 * One processor in long mode with 4 MiB of RAM, mapped flat for the supervisor by 4 KiB pages, a
 * GDT, a TSS, and an IDT whose handlers halt.
 */
final class TestGuest implements AutoCloseable {
    static final long CODE = 0x1_0000;
    static final long HANDLERS = 0x2_0000;
    static final long STACK = 0x3_0000;
    static final long USER_STACK = 0x3_8000;
    static final long TSS_STACK = 0x4_0000;
    static final long IST1_STACK = 0x4_8000;
    static final long DATA = 0x5_0000;
    private static final long GDT = 0x6000;
    private static final long TSS = 0x7000;
    private static final long IDT = 0x8000;
    private static final long TABLES = 0x10_0000;
    private static final long RAM_BYTES = 4L << 20;
    private static final int BUDGET = 10_000;

    static final int KERNEL_CS = 0x08;
    static final int USER_CS = 0x2b;
    static final int USER_SS = 0x23;

    static final long PRESENT = 1;
    static final long WRITABLE = 2;
    static final long USER = 4;
    static final long ACCESSED = 1 << 5;
    static final long DIRTY = 1 << 6;
    static final long NO_EXECUTE = 1L << 63;

    final GuestMemory memory = GuestMemory.anonymous(0, RAM_BYTES);
    final ManualClock clock = new ManualClock();
    final PortBus ports = new PortBus();
    final MmioBus mmio = new MmioBus();
    final X86Cpu cpu;
    private final Interpreter interpreter;
    private final InterruptTable interrupts;
    private final long root;
    private long nextTable = TABLES;

    TestGuest() {
        cpu =
                new X86Cpu(
                        new X86Cpu.Wiring(
                                0,
                                new X86Cluster(new X86Model(40, 1), memory),
                                mmio,
                                ports,
                                clock,
                                _ -> {},
                                () -> {}));
        interrupts = new InterruptTable(cpu);
        interpreter = new Interpreter(cpu, interrupts);
        root = newTable();
        for (long gpa = 0; gpa < TABLES; gpa += 0x1000) {
            map(gpa, gpa, PRESENT | WRITABLE);
        }
        descriptors();
        longMode();
    }

    private void descriptors() {
        write(GDT + 0x08, 0x00af_9b00_0000_ffffL); // 64-bit code, level 0
        write(GDT + 0x10, 0x00cf_9300_0000_ffffL); // data, level 0
        write(GDT + 0x20, 0x00cf_f300_0000_ffffL); // data, level 3
        write(GDT + 0x28, 0x00af_fb00_0000_ffffL); // 64-bit code, level 3
        write(GDT + 0x30, 0x0000_8900_0000_0067L | TSS << 16);
        write(TSS + 0x60, 0x68L << 48); // no I/O permission bitmap
        write(TSS + 4, TSS_STACK);
        write(TSS + 0x24, IST1_STACK);
        for (int vector = 0; vector < 256; vector++) {
            gate(vector, 0, 0);
            write(HANDLERS + 16L * vector, 0xf4); // HLT
        }
    }

    /** Writes an interrupt gate to the vector's handler. */
    void gate(int vector, int dpl, int ist) {
        long handler = HANDLERS + 16L * vector;
        long low = handler & 0xffff | KERNEL_CS << 16 | (handler & 0xffff_0000L) << 32;
        long attributes = (long) (0x8e | dpl << 5) << 40 | (long) ist << 32;
        write(IDT + 16L * vector, low | attributes);
    }

    private void longMode() {
        cpu.cr0 = 0x8000_0033L;
        cpu.cr3 = root;
        cpu.cr4 = ControlRegister.CR4_PAE.mask() | ControlRegister.CR4_PGE.mask();
        cpu.efer = 0xd01; // NXE, LMA, LME, SCE
        cpu.segments.gdtBase = GDT;
        cpu.segments.gdtLimit = 0x3f;
        cpu.segments.idtBase = IDT;
        cpu.segments.idtLimit = 0xfff;
        cpu.segments.task = Descriptor.of(0x30, read(GDT + 0x30));
        cpu.segments.setCode(Descriptor.of(KERNEL_CS, read(GDT + 8)));
        cpu.segments.set(Segment.SS, Descriptor.NULL);
        cpu.mmu.controlsChanged();
        cpu.x[X86Cpu.RSP] = STACK;
    }

    /** Sets bits of CR0 and CR4. */
    void control(long cr0, long cr4) {
        cpu.cr0 |= cr0;
        cpu.cr4 |= cr4;
        cpu.mmu.controlsChanged();
    }

    /** Puts instructions, in hexadecimal, into RAM, as a device would. */
    void code(long gpa, String hex) {
        byte[] bytes = HexFormat.of().parseHex(hex.replace(" ", ""));
        try {
            memory.copyIn(MemorySegment.ofArray(bytes), gpa);
        } catch (GuestAccessException e) {
            throw new IllegalArgumentException(e);
        }
    }

    /** Runs {@code hex} at CODE until something halts. */
    void run(String hex) {
        code(CODE, hex);
        runFrom(CODE);
    }

    void runFrom(long rip) {
        cpu.x[X86Cpu.RIP] = rip;
        resume();
    }

    /** Runs on from wherever it is. */
    void resume() {
        cpu.halted = false;
        cpu.beginSlice(BUDGET);
        interpreter.run();
        if (cpu.executed() >= BUDGET) {
            throw new IllegalStateException("the program does not end");
        }
    }

    /** Executes instructions one by one, as for a debugger, until something halts. */
    void stepFrom(long rip) {
        cpu.x[X86Cpu.RIP] = rip;
        cpu.halted = false;
        for (int i = 0; i < BUDGET && !cpu.halted; i++) {
            cpu.beginSlice(1);
            interpreter.step();
        }
    }

    /** Runs about so many instructions, or until something halts. */
    void runBriefly(long rip, int instructions) {
        cpu.x[X86Cpu.RIP] = rip;
        cpu.halted = false;
        cpu.beginSlice(instructions);
        interpreter.run();
    }

    /** At level 3, with CODE and the user's stack accessible there. */
    void toUser() {
        map(CODE, CODE, PRESENT | USER);
        map(USER_STACK - 0x1000, USER_STACK - 0x1000, PRESENT | WRITABLE | USER);
        cpu.segments.setCode(Descriptor.of(USER_CS, read(GDT + 0x28)));
        cpu.segments.set(Segment.SS, Descriptor.of(USER_SS, read(GDT + 0x20)));
        cpu.x[X86Cpu.RSP] = USER_STACK;
    }

    /** Vector of the handler that halted; -1 if none did. */
    int vector() {
        long offset = cpu.x[X86Cpu.RIP] - 1 - HANDLERS;
        return cpu.halted && offset >= 0 && offset < 0x1000 && offset % 16 == 0
                ? (int) offset / 16
                : -1;
    }

    /** The value {@code index} places above the stack pointer. */
    long stacked(int index) {
        return read(cpu.x[X86Cpu.RSP] + 8L * index);
    }

    /** Delivers an external interrupt. */
    void interrupt(int vector) {
        interrupts.interrupt(vector);
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
            if ((gpa & 7) == 0) {
                memory.setLongLe(gpa, value);
            } else {
                memory.copyIn(MemorySegment.ofArray(new long[] {value}), gpa);
            }
        } catch (GuestAccessException e) {
            throw new IllegalArgumentException(e);
        }
    }

    /** Maps one page; TLB maintenance is the test's business. */
    void map(long va, long gpa, long attributes) {
        write(entry(va), gpa | attributes);
    }

    /** Where the page-table entry of an address is. */
    long entry(long va) {
        long table = root;
        for (int level = 4; level > 1; level--) {
            long at = table + index(va, level) * 8;
            if ((read(at) & PRESENT) == 0) {
                write(at, newTable() | PRESENT | WRITABLE | USER);
            }
            table = read(at) & 0xf_ffff_ffff_f000L;
        }
        return table + index(va, 1) * 8;
    }

    private static long index(long va, int level) {
        return va >>> (12 + 9 * (level - 1)) & 0x1ff;
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
