package nestor.cpu.arm64;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import nestor.vmm.register.BitField;

/** PSTATE in the layout of SPSR_EL1 (DDI 0487, §C5.2.19), and the exceptions that change it. */
final class Pstate {
    /** {@link Arm64Cpu#daif} bits. */
    static final int DAIF_I = 0b0010;

    static final int DAIF_ALL = 0b1111;

    private static final BitField NZCV = bits(31, 28);
    private static final BitField PAN = bit(22);
    private static final BitField IL = bit(20);
    private static final BitField DAIF = bits(9, 6);
    private static final BitField MODE = bits(4, 0);

    private static final int EL0T = 0b00000;
    private static final int EL1T = 0b00100;
    private static final int EL1H = 0b00101;

    /** SCTLR_EL1.SPAN: exceptions leave PSTATE.PAN alone. */
    private static final BitField SCTLR_SPAN = bit(23);

    /** Offsets from VBAR_EL1 (§D1.3.1.1). */
    private static final long VECTOR_SP0 = 0x000;

    private static final long VECTOR_SPX = 0x200;
    private static final long VECTOR_LOWER = 0x400;
    private static final long VECTOR_IRQ = 0x80;

    private Pstate() {}

    static long get(Arm64Cpu cpu) {
        int mode = cpu.el == 0 ? EL0T : cpu.spSel ? EL1H : EL1T;
        return (long) cpu.nzcv << NZCV.lo()
                | (cpu.pan ? PAN.mask() : 0)
                | (long) cpu.daif << DAIF.lo()
                | mode;
    }

    /**
     * Sets all of it from an SPSR image, for a debugger; an illegal mode changes only the flags.
     */
    static void set(Arm64Cpu cpu, long spsr) {
        cpu.nzcv = NZCV.getInt(spsr);
        cpu.daif = DAIF.getInt(spsr);
        int mode = MODE.getInt(spsr);
        if (mode == EL0T || mode == EL1T || mode == EL1H) {
            select(cpu, mode == EL0T ? 0 : 1, mode == EL1H, PAN.isSet(spsr));
        }
    }

    /** Takes the synchronous exception that an op threw. */
    static void take(Arm64Cpu cpu, Arm64Exception exception, long returnAddress) {
        if (exception.hasFaultAddress) {
            cpu.system[Slot.FAR] = exception.faultAddress;
        }
        takeSynchronous(cpu, exception.syndrome, returnAddress);
    }

    /** Takes a synchronous exception without fault address. */
    static void takeSynchronous(Arm64Cpu cpu, long syndrome, long returnAddress) {
        cpu.system[Slot.ESR] = syndrome;
        enter(cpu, returnAddress, 0, get(cpu));
    }

    /** Takes an IRQ before the instruction at {@link Arm64Cpu#pc}. */
    static void takeIrq(Arm64Cpu cpu) {
        enter(cpu, cpu.pc, VECTOR_IRQ, get(cpu));
    }

    /** Exception entry to EL1 (§D1.3.3). */
    private static void enter(Arm64Cpu cpu, long returnAddress, long vector, long spsr) {
        long base = cpu.el == 0 ? VECTOR_LOWER : cpu.spSel ? VECTOR_SPX : VECTOR_SP0;
        cpu.system[Slot.SPSR] = spsr;
        cpu.system[Slot.ELR] = returnAddress;
        cpu.daif = DAIF_ALL;
        boolean pan = cpu.pan || !SCTLR_SPAN.isSet(cpu.system[Slot.SCTLR]);
        select(cpu, 1, true, pan);
        cpu.pc = cpu.system[Slot.VBAR] + base + vector;
    }

    /** ERET from EL1 (§D1.4.4, with illegal returns of §D1.4.4.1). */
    static void exceptionReturn(Arm64Cpu cpu) {
        long spsr = cpu.system[Slot.SPSR];
        long target = cpu.system[Slot.ELR];
        cpu.clearExclusive();
        int mode = MODE.getInt(spsr);
        boolean legal = mode == EL0T || mode == EL1T || mode == EL1H;
        cpu.nzcv = NZCV.getInt(spsr);
        cpu.daif = DAIF.getInt(spsr);
        boolean pan = PAN.isSet(spsr);
        if (legal) {
            select(cpu, mode == EL0T ? 0 : 1, mode == EL1H, pan);
        } else {
            select(cpu, cpu.el, cpu.spSel, pan);
        }
        cpu.pc = target;
        if (!legal || IL.isSet(spsr)) {
            // The instruction at the target would raise this before doing anything else.
            cpu.system[Slot.ESR] = Syndrome.of(Syndrome.ILLEGAL_STATE, 0);
            enter(cpu, target, 0, get(cpu) | IL.mask());
        }
        cpu.checkInterrupts();
    }

    /** MSR SPSel. */
    static void selectStackPointer(Arm64Cpu cpu, boolean spSel) {
        select(cpu, cpu.el, spSel, cpu.pan);
    }

    /** MSR PAN. */
    static void setPan(Arm64Cpu cpu, boolean pan) {
        cpu.pan = pan;
        cpu.mmu.modeChanged();
    }

    /** Changes EL, SP selection and PAN, with the stack pointer that goes with them. */
    private static void select(Arm64Cpu cpu, int el, boolean spSel, boolean pan) {
        cpu.system[stackPointerSlot(cpu)] = cpu.x[Arm64Cpu.SP];
        cpu.el = el;
        cpu.spSel = spSel;
        cpu.pan = pan;
        cpu.x[Arm64Cpu.SP] = cpu.system[stackPointerSlot(cpu)];
        cpu.mmu.modeChanged();
    }

    private static int stackPointerSlot(Arm64Cpu cpu) {
        return cpu.el == 1 && cpu.spSel ? Slot.SP_EL1 : Slot.SP_EL0;
    }

    /** MRS DAIF. */
    static long daif(Arm64Cpu cpu) {
        return (long) cpu.daif << DAIF.lo();
    }

    /** MSR DAIF. */
    static void setDaif(Arm64Cpu cpu, long value) {
        cpu.daif = DAIF.getInt(value);
        cpu.checkInterrupts();
    }

    /** MRS NZCV. */
    static long nzcv(Arm64Cpu cpu) {
        return (long) cpu.nzcv << NZCV.lo();
    }

    /** MSR NZCV. */
    static void setNzcv(Arm64Cpu cpu, long value) {
        cpu.nzcv = NZCV.getInt(value);
    }
}
