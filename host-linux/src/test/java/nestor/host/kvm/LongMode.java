package nestor.host.kvm;

import java.lang.foreign.Arena;
import nestor.host.kvm.KvmAbi.Regs;
import nestor.host.kvm.KvmAbi.Sregs;
import nestor.host.kvm.VcpuState.Attributes;

/** Puts a {@link TinyGuest} into 64-bit mode without its own doing: memory mapped one to one. */
final class LongMode {
    /** Selectors of ring 0 and ring 3. */
    static final int SUPERVISOR = 0x10;

    static final int USER = 0x33;

    static final long STACK = 0x8000;

    static final long PML4 = 0x10000;
    private static final long PDPT = 0x11000;
    private static final long DIRECTORIES = 0x14000;
    private static final long GDT = 0x12000;
    private static final long IDT = 0x13000;
    private static final long CODE64 = 0x00af_9b00_0000_ffffL;
    private static final long DATA = 0x00cf_9300_0000_ffffL;
    private static final long INTERRUPT_GATE = 0x8e00L << 32;
    private static final long PRESENT_WRITABLE_USER = 7;
    private static final long PAGE_SIZE = 1 << 7;
    private static final long CR0_PG_PE = 0x8000_0011L;
    private static final long CR4_PAE = 1 << 5;
    private static final long EFER_LME_LMA = 0x500;

    private LongMode() {}

    /**
     * @param codeSelector {@link #SUPERVISOR} or {@link #USER}
     * @param hex the program, put at {@link TinyGuest#CODE}
     */
    static void enter(TinyGuest guest, int codeSelector, String hex) throws Exception {
        guest.put(TinyGuest.CODE, hex);
        tables(guest);
        guest.vcpu.start(new PvhEntry((int) TinyGuest.CODE, 0));
        try (Arena arena = Arena.ofConfined()) {
            VcpuState state = guest.vcpu.state(arena);
            int ring = codeSelector & 3;
            state.setSegment(Sregs.CS, Attributes.flat(codeSelector, VcpuState.CODE, true));
            for (int data : new int[] {Sregs.DS, Sregs.ES, Sregs.FS, Sregs.GS, Sregs.SS}) {
                state.setSegment(data, Attributes.flat(0x28 | ring, VcpuState.DATA, false));
            }
            state.setTable(Sregs.GDT, GDT, 0x37);
            state.setTable(Sregs.IDT, IDT, 0xfff);
            state.setSystemRegister(Sregs.CR3, PML4);
            state.setSystemRegister(Sregs.CR4, CR4_PAE);
            state.setSystemRegister(Sregs.EFER, EFER_LME_LMA);
            state.setSystemRegister(Sregs.CR0, CR0_PG_PE);
            state.setRegister(Regs.RSP, STACK);
            state.apply();
        }
    }

    /** 4 GiB mapped one to one, and descriptors for ring 0. */
    static void tables(TinyGuest guest) throws Exception {
        guest.memory.setLongLe(PML4, PDPT | PRESENT_WRITABLE_USER);
        for (long gib = 0; gib < 4; gib++) {
            guest.memory.setLongLe(
                    PDPT + 8 * gib, (DIRECTORIES + (gib << 12)) | PRESENT_WRITABLE_USER);
        }
        for (long page = 0; page < 4 * 512; page++) {
            guest.memory.setLongLe(
                    DIRECTORIES + 8 * page, (page << 21) | PAGE_SIZE | PRESENT_WRITABLE_USER);
        }
        guest.memory.setLongLe(GDT + SUPERVISOR, CODE64);
        guest.memory.setLongLe(GDT + 0x28, DATA);
    }

    /** A handler in ring 0, interrupts off. */
    static void handle(TinyGuest guest, int vector, long address, String hex) throws Exception {
        guest.put(address, hex);
        guest.memory.setLongLe(IDT + 16L * vector, address | SUPERVISOR << 16 | INTERRUPT_GATE);
    }

    /** What LGDT reads: the table of {@link #tables}. */
    static void descriptor(TinyGuest guest, long address) throws Exception {
        guest.memory.setShortLe(address, (short) 0x37);
        guest.memory.setIntLe(address + 2, (int) GDT);
    }
}
