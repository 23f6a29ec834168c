package nestor.cpu.arm64;

import static nestor.cpu.arm64.SystemRegister.computed;
import static nestor.cpu.arm64.SystemRegister.constant;
import static nestor.cpu.arm64.SystemRegister.encoding;
import static nestor.cpu.arm64.SystemRegister.ignored;
import static nestor.cpu.arm64.SystemRegister.stored;
import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import nestor.vmm.register.BitField;
import org.jspecify.annotations.Nullable;

/**
 * The system registers of EL1 and EL0 (DDI 0487, chapter D17; debug registers D17.3; timer D17.11),
 * in the order of their encodings. What is not here, nor in the GIC, is UNDEFINED.
 */
final class SystemRegisters {
    /** Bits that are RES1 without the feature that gives them meaning; MMU and caches off. */
    static final long SCTLR_RESET = 0x30d0_0800L;

    /** SCTLR_EL1 bits that exist here: the rest are RES0 or RES1. */
    private static final long SCTLR_WRITABLE =
            bits(4, 0).mask()
                    | bit(9).mask()
                    | bit(12).mask()
                    | bits(16, 14).mask()
                    | bits(19, 18).mask()
                    | bits(26, 23).mask();

    private static final BitField SCTLR_UMA = bit(9);
    private static final BitField SCTLR_UCT = bit(15);

    /** CPACR_EL1. */
    static final BitField FPEN = bits(21, 20);

    /** FPCR: AHP, DN, FZ, RMode. */
    private static final long FPCR_WRITABLE = bits(26, 22).mask();

    /** FPSR: QC and the cumulative exception bits. */
    private static final long FPSR_WRITABLE = bit(27).mask() | bit(7).mask() | bits(4, 0).mask();

    /** SPSR_EL1: N, Z, C, V, PAN, SS, IL, DAIF, M. */
    private static final long SPSR_WRITABLE =
            bits(31, 28).mask() | bits(22, 20).mask() | bits(9, 6).mask() | bits(4, 0).mask();

    /** TCR_EL1 as far as FEAT_HPDS; without FEAT_HAFDBS, FEAT_LPA2 and what came later. */
    private static final long TCR_WRITABLE =
            bits(5, 0).mask() | bits(34, 7).mask() | bits(38, 36).mask() | bits(42, 41).mask();

    private static final long ESR_WRITABLE = bits(31, 0).mask();
    private static final long VBAR_WRITABLE = -1L << 11;
    private static final long WORD = bits(31, 0).mask();

    /** CNTKCTL_EL1: which timer registers EL0 may access. */
    private static final BitField EL0PCTEN = bit(0);

    private static final BitField EL0VCTEN = bit(1);
    private static final BitField EL0VTEN = bit(8);
    private static final BitField EL0PTEN = bit(9);

    private static final Predicate<Arm64Cpu> PHYSICAL_COUNTER = trapUnless(EL0PCTEN);
    private static final Predicate<Arm64Cpu> VIRTUAL_COUNTER = trapUnless(EL0VCTEN);
    private static final Predicate<Arm64Cpu> VIRTUAL_TIMER = trapUnless(EL0VTEN);
    private static final Predicate<Arm64Cpu> PHYSICAL_TIMER = trapUnless(EL0PTEN);
    private static final Predicate<Arm64Cpu> ANY_COUNTER = PHYSICAL_COUNTER.and(VIRTUAL_COUNTER);

    /** Implementer 0 (reserved for software), part 0x051, revision 0. */
    private static final long MIDR = 0x000f_0510L;

    /** Breakpoint and watchpoint register pairs that ID_AA64DFR0_EL1 declares. */
    private static final int BREAKPOINTS = 6;

    private static final int WATCHPOINTS = 4;

    /** What ID_AA64DFR0_EL1 says: debug v8.0, the pairs above, 2 context-aware, no PMU. */
    private static final long DFR0 = 0x1030_5006L;

    /** EL0/EL1 in AArch64 only, FP, AdvSIMD, GIC system registers, CSV2, CSV3. */
    private static final long PFR0 = 0x1100_0000_0100_0011L;

    /** Atomic (LSE), CRC32. */
    private static final long ISAR0 = 0x0000_0000_0021_0000L;

    /** SB. */
    private static final long ISAR1 = 0x0000_0010_0000_0000L;

    /** 48-bit PA, 16-bit ASID, 16, 64 and 4 KiB granules. */
    private static final long MMFR0 = 0x0000_0000_0010_0025L;

    /** PAN, HPDS. */
    private static final long MMFR1 = 0x0000_0000_0010_1000L;

    /** 64-byte lines everywhere, PIPT, and no maintenance needed (IDC, DIC). */
    private static final long CTR = 0xb444_c004L;

    /** DC ZVA of 64 bytes. */
    private static final long DCZID = 4;

    /** OSLSR_EL1.OSLM: the OS lock is implemented. */
    private static final long OSLM = 1 << 3;

    private static final long OSLK = 1 << 1;

    private static final Map<Integer, SystemRegister> BY_ENCODING = new HashMap<>();

    static {
        for (SystemRegister register : table()) {
            if (BY_ENCODING.put(register.encoding(), register) != null) {
                throw new IllegalStateException("two of " + register.name());
            }
        }
    }

    private SystemRegisters() {}

    /** The register of an encoding, if it is part of the core. */
    static @Nullable SystemRegister find(int encoding) {
        return BY_ENCODING.get(encoding);
    }

    private static Predicate<Arm64Cpu> trapUnless(BitField enable) {
        return cpu -> !enable.isSet(cpu.system[Slot.CNTKCTL]);
    }

    static List<SystemRegister> table() {
        List<SystemRegister> table = new ArrayList<>();
        debug(table);
        identification(table);
        control(table);
        processState(table);
        memory(table);
        threads(table);
        timers(table);
        return table;
    }

    private static void debug(List<SystemRegister> table) {
        table.add(stored("OSDTRRX_EL1", encoding(2, 0, 0, 0, 2), Slot.OSDTRRX, WORD));
        for (int n = 0; n < BREAKPOINTS; n++) {
            table.add(stored("DBGBVR" + n, encoding(2, 0, 0, n, 4), Slot.DBGBVR + n, -1));
            table.add(stored("DBGBCR" + n, encoding(2, 0, 0, n, 5), Slot.DBGBCR + n, WORD));
        }
        for (int n = 0; n < WATCHPOINTS; n++) {
            table.add(stored("DBGWVR" + n, encoding(2, 0, 0, n, 6), Slot.DBGWVR + n, -1));
            table.add(stored("DBGWCR" + n, encoding(2, 0, 0, n, 7), Slot.DBGWCR + n, WORD));
        }
        table.add(stored("MDCCINT_EL1", encoding(2, 0, 0, 2, 0), Slot.MDCCINT, WORD));
        table.add(stored("MDSCR_EL1", encoding(2, 0, 0, 2, 2), Slot.MDSCR, WORD));
        table.add(stored("OSDTRTX_EL1", encoding(2, 0, 0, 3, 2), Slot.OSDTRTX, WORD));
        table.add(stored("OSECCR_EL1", encoding(2, 0, 0, 6, 2), Slot.OSECCR, WORD));
        table.add(constant("MDRAR_EL1", encoding(2, 0, 1, 0, 0), 0));
        table.add(
                computed(
                        "OSLAR_EL1",
                        encoding(2, 0, 1, 0, 4),
                        null,
                        (cpu, value) -> cpu.system[Slot.OS_LOCK] = value & 1));
        table.add(
                computed(
                        "OSLSR_EL1",
                        encoding(2, 0, 1, 1, 4),
                        cpu -> OSLM | (cpu.system[Slot.OS_LOCK] != 0 ? OSLK : 0),
                        null));
        table.add(stored("OSDLR_EL1", encoding(2, 0, 1, 3, 4), Slot.OSDLR, 1));
        table.add(stored("DBGPRCR_EL1", encoding(2, 0, 1, 4, 4), Slot.DBGPRCR, 1));
        table.add(
                computed(
                        "DBGCLAIMSET_EL1",
                        encoding(2, 0, 7, 8, 6),
                        _ -> 0xff,
                        (cpu, value) -> cpu.system[Slot.CLAIM] |= value & 0xff));
        table.add(
                computed(
                        "DBGCLAIMCLR_EL1",
                        encoding(2, 0, 7, 9, 6),
                        cpu -> cpu.system[Slot.CLAIM],
                        (cpu, value) -> cpu.system[Slot.CLAIM] &= ~value));
        table.add(constant("DBGAUTHSTATUS_EL1", encoding(2, 0, 7, 14, 6), 0));
        table.add(constant("MDCCSR_EL0", encoding(2, 3, 0, 1, 0), 0));
    }

    /** CRn = 0; the reserved encodings of the ID space (CRm 1-7) read as zero. */
    private static void identification(List<SystemRegister> table) {
        table.add(constant("MIDR_EL1", encoding(3, 0, 0, 0, 0), MIDR));
        table.add(computed("MPIDR_EL1", encoding(3, 0, 0, 0, 5), cpu -> cpu.mpidr, null));
        table.add(constant("REVIDR_EL1", encoding(3, 0, 0, 0, 6), 0));
        for (int crm = 1; crm <= 7; crm++) {
            for (int op2 = 0; op2 <= 7; op2++) {
                table.add(identification(crm, op2));
            }
        }
        table.add(constant("CCSIDR_EL1", encoding(3, 1, 0, 0, 0), 0));
        table.add(constant("CLIDR_EL1", encoding(3, 1, 0, 0, 1), 0));
        table.add(constant("AIDR_EL1", encoding(3, 1, 0, 0, 7), 0));
        table.add(stored("CSSELR_EL1", encoding(3, 2, 0, 0, 0), Slot.CSSELR, bits(3, 0).mask()));
        table.add(
                constant("CTR_EL0", encoding(3, 3, 0, 0, 1), CTR)
                        .readableAtEl0(cpu -> !SCTLR_UCT.isSet(cpu.system[Slot.SCTLR])));
        table.add(constant("DCZID_EL0", encoding(3, 3, 0, 0, 7), DCZID).readableAtEl0());
    }

    private static SystemRegister identification(int crm, int op2) {
        int encoding = encoding(3, 0, 0, crm, op2);
        return switch (crm << 3 | op2) {
            case 4 << 3 -> constant("ID_AA64PFR0_EL1", encoding, PFR0);
            case 5 << 3 -> constant("ID_AA64DFR0_EL1", encoding, DFR0);
            case 6 << 3 -> constant("ID_AA64ISAR0_EL1", encoding, ISAR0);
            case 6 << 3 | 1 -> constant("ID_AA64ISAR1_EL1", encoding, ISAR1);
            case 7 << 3 -> constant("ID_AA64MMFR0_EL1", encoding, MMFR0);
            case 7 << 3 | 1 -> constant("ID_AA64MMFR1_EL1", encoding, MMFR1);
            default -> constant("ID_%d_%d_EL1".formatted(crm, op2), encoding, 0);
        };
    }

    private static void control(List<SystemRegister> table) {
        table.add(
                computed(
                        "SCTLR_EL1",
                        encoding(3, 0, 1, 0, 0),
                        cpu -> cpu.system[Slot.SCTLR],
                        SystemRegisters::writeSctlr));
        table.add(ignored("ACTLR_EL1", encoding(3, 0, 1, 0, 1)));
        table.add(
                stored(
                        "CPACR_EL1",
                        encoding(3, 0, 1, 0, 2),
                        Slot.CPACR,
                        FPEN.mask(),
                        (cpu, _) -> cpu.mmu.flushJumps()));
        table.add(
                stored(
                        "TTBR0_EL1",
                        encoding(3, 0, 2, 0, 0),
                        Slot.TTBR0,
                        -1,
                        (cpu, _) -> cpu.mmu.tablesChanged(false)));
        table.add(
                stored(
                        "TTBR1_EL1",
                        encoding(3, 0, 2, 0, 1),
                        Slot.TTBR1,
                        -1,
                        (cpu, _) -> cpu.mmu.tablesChanged(true)));
        table.add(
                stored(
                        "TCR_EL1",
                        encoding(3, 0, 2, 0, 2),
                        Slot.TCR,
                        TCR_WRITABLE,
                        (cpu, _) -> cpu.mmu.controlsChanged()));
    }

    private static void writeSctlr(Arm64Cpu cpu, long value) {
        long next = SCTLR_RESET & ~SCTLR_WRITABLE | value & SCTLR_WRITABLE;
        if (next != cpu.system[Slot.SCTLR]) {
            cpu.system[Slot.SCTLR] = next;
            cpu.mmu.controlsChanged();
        }
    }

    private static void processState(List<SystemRegister> table) {
        table.add(stored("SPSR_EL1", encoding(3, 0, 4, 0, 0), Slot.SPSR, SPSR_WRITABLE));
        table.add(stored("ELR_EL1", encoding(3, 0, 4, 0, 1), Slot.ELR, -1));
        table.add(
                computed(
                        "SP_EL0",
                        encoding(3, 0, 4, 1, 0),
                        cpu -> spEl1Selected(cpu).system[Slot.SP_EL0],
                        (cpu, value) -> spEl1Selected(cpu).system[Slot.SP_EL0] = value));
        table.add(
                computed(
                        "SPSel",
                        encoding(3, 0, 4, 2, 0),
                        cpu -> cpu.spSel ? 1 : 0,
                        (cpu, value) -> Pstate.selectStackPointer(cpu, (value & 1) != 0)));
        table.add(computed("CurrentEL", encoding(3, 0, 4, 2, 2), cpu -> (long) cpu.el << 2, null));
        table.add(
                computed(
                        "PAN",
                        encoding(3, 0, 4, 2, 3),
                        cpu -> cpu.pan ? PAN.mask() : 0,
                        (cpu, value) -> Pstate.setPan(cpu, PAN.isSet(value))));
        table.add(
                computed("NZCV", encoding(3, 3, 4, 2, 0), Pstate::nzcv, Pstate::setNzcv)
                        .accessibleAtEl0());
        table.add(
                computed("DAIF", encoding(3, 3, 4, 2, 1), Pstate::daif, Pstate::setDaif)
                        .accessibleAtEl0(SystemRegisters::daifTrapped));
        table.add(
                computed(
                                "FPCR",
                                encoding(3, 3, 4, 4, 0),
                                cpu -> fp(cpu).fpcr,
                                (cpu, value) -> fp(cpu).fpcr = value & FPCR_WRITABLE)
                        .accessibleAtEl0());
        table.add(
                computed(
                                "FPSR",
                                encoding(3, 3, 4, 4, 1),
                                cpu -> fp(cpu).fpsr,
                                (cpu, value) -> fp(cpu).fpsr = value & FPSR_WRITABLE)
                        .accessibleAtEl0());
    }

    private static final BitField PAN = bit(22);

    /** SCTLR_EL1.UMA: EL0 may change the interrupt masks. */
    static boolean daifTrapped(Arm64Cpu cpu) {
        return !SCTLR_UMA.isSet(cpu.system[Slot.SCTLR]);
    }

    /** SP_EL0 by name is UNDEFINED while it is the current stack pointer. */
    private static Arm64Cpu spEl1Selected(Arm64Cpu cpu) {
        if (!cpu.spSel) {
            throw cpu.undefined();
        }
        return cpu;
    }

    private static Arm64Cpu fp(Arm64Cpu cpu) {
        if (cpu.fpTrapped()) {
            throw cpu.raise(Syndrome.fpAccess());
        }
        return cpu;
    }

    private static void memory(List<SystemRegister> table) {
        table.add(stored("AFSR0_EL1", encoding(3, 0, 5, 1, 0), Slot.AFSR0, WORD));
        table.add(stored("AFSR1_EL1", encoding(3, 0, 5, 1, 1), Slot.AFSR1, WORD));
        table.add(stored("ESR_EL1", encoding(3, 0, 5, 2, 0), Slot.ESR, ESR_WRITABLE));
        table.add(stored("FAR_EL1", encoding(3, 0, 6, 0, 0), Slot.FAR, -1));
        table.add(stored("PAR_EL1", encoding(3, 0, 7, 4, 0), Slot.PAR, -1));
        table.add(
                stored(
                        "MAIR_EL1",
                        encoding(3, 0, 10, 2, 0),
                        Slot.MAIR,
                        -1,
                        (cpu, _) -> cpu.mmu.controlsChanged()));
        table.add(stored("AMAIR_EL1", encoding(3, 0, 10, 3, 0), Slot.AMAIR, 0));
        table.add(stored("VBAR_EL1", encoding(3, 0, 12, 0, 0), Slot.VBAR, VBAR_WRITABLE));
        table.add(
                computed(
                        "ISR_EL1",
                        encoding(3, 0, 12, 1, 0),
                        cpu -> cpu.irqAsserted ? ISR_I : 0,
                        null));
    }

    private static final long ISR_I = 1 << 7;

    private static void threads(List<SystemRegister> table) {
        table.add(stored("CONTEXTIDR_EL1", encoding(3, 0, 13, 0, 1), Slot.CONTEXTIDR, WORD));
        table.add(stored("TPIDR_EL1", encoding(3, 0, 13, 0, 4), Slot.TPIDR_EL1, -1));
        table.add(
                stored("TPIDR_EL0", encoding(3, 3, 13, 0, 2), Slot.TPIDR_EL0, -1)
                        .accessibleAtEl0());
        table.add(
                stored("TPIDRRO_EL0", encoding(3, 3, 13, 0, 3), Slot.TPIDRRO_EL0, -1)
                        .readableAtEl0());
    }

    private static void timers(List<SystemRegister> table) {
        table.add(stored("CNTKCTL_EL1", encoding(3, 0, 14, 1, 0), Slot.CNTKCTL, bits(9, 0).mask()));
        table.add(
                constant("CNTFRQ_EL0", encoding(3, 3, 14, 0, 0), GenericTimer.FREQUENCY_HZ)
                        .readableAtEl0(ANY_COUNTER));
        table.add(
                computed("CNTPCT_EL0", encoding(3, 3, 14, 0, 1), cpu -> cpu.timer.count(), null)
                        .readableAtEl0(PHYSICAL_COUNTER));
        table.add(
                computed("CNTVCT_EL0", encoding(3, 3, 14, 0, 2), cpu -> cpu.timer.count(), null)
                        .readableAtEl0(VIRTUAL_COUNTER));
        table.add(
                computed(
                                "CNTP_TVAL_EL0",
                                encoding(3, 3, 14, 2, 0),
                                cpu -> cpu.timer.physical.timerValue(),
                                (cpu, value) -> cpu.timer.physical.setTimerValue(value))
                        .accessibleAtEl0(PHYSICAL_TIMER));
        table.add(
                computed(
                                "CNTP_CTL_EL0",
                                encoding(3, 3, 14, 2, 1),
                                cpu -> cpu.timer.physical.control(),
                                (cpu, value) -> cpu.timer.physical.setControl(value))
                        .accessibleAtEl0(PHYSICAL_TIMER));
        table.add(
                computed(
                                "CNTP_CVAL_EL0",
                                encoding(3, 3, 14, 2, 2),
                                cpu -> cpu.timer.physical.compareValue(),
                                (cpu, value) -> cpu.timer.physical.setCompareValue(value))
                        .accessibleAtEl0(PHYSICAL_TIMER));
        table.add(
                computed(
                                "CNTV_TVAL_EL0",
                                encoding(3, 3, 14, 3, 0),
                                cpu -> cpu.timer.virtual.timerValue(),
                                (cpu, value) -> cpu.timer.virtual.setTimerValue(value))
                        .accessibleAtEl0(VIRTUAL_TIMER));
        table.add(
                computed(
                                "CNTV_CTL_EL0",
                                encoding(3, 3, 14, 3, 1),
                                cpu -> cpu.timer.virtual.control(),
                                (cpu, value) -> cpu.timer.virtual.setControl(value))
                        .accessibleAtEl0(VIRTUAL_TIMER));
        table.add(
                computed(
                                "CNTV_CVAL_EL0",
                                encoding(3, 3, 14, 3, 2),
                                cpu -> cpu.timer.virtual.compareValue(),
                                (cpu, value) -> cpu.timer.virtual.setCompareValue(value))
                        .accessibleAtEl0(VIRTUAL_TIMER));
    }
}
