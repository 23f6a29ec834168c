package nestor.cpu.x86;

import java.util.Arrays;
import nestor.vmm.time.Clock;

/**
 * Model-specific registers (volume 4) of one processor: those that Linux reads and writes at boot.
 * Any other is #GP. The time-stamp counter runs at 1 GHz, so that a tick is a nanosecond of machine
 * time.
 */
final class Msrs {
    static final long TSC_HZ = 1_000_000_000L;

    private static final int TSC = 0x10;
    private static final int PLATFORM_ID = 0x17;
    private static final int APIC_BASE = 0x1b;
    private static final int FEATURE_CONTROL = 0x3a;
    private static final int TSC_ADJUST = 0x3b;
    private static final int SPEC_CTRL = 0x48;
    private static final int PRED_CMD = 0x49;
    private static final int BIOS_SIGN_ID = 0x8b;
    private static final int MTRR_CAP = 0xfe;
    private static final int ARCH_CAPABILITIES = 0x10a;
    private static final int SYSENTER_CS = 0x174;
    private static final int SYSENTER_ESP = 0x175;
    private static final int SYSENTER_EIP = 0x176;
    private static final int MCG_CAP = 0x179;
    private static final int MCG_STATUS = 0x17a;
    private static final int MISC_ENABLE = 0x1a0;
    private static final int MTRR_FIXED_64K = 0x250;
    private static final int MTRR_FIXED_16K = 0x258;
    private static final int MTRR_FIXED_4K = 0x268;
    private static final int PAT = 0x277;
    private static final int MTRR_DEF_TYPE = 0x2ff;
    private static final int TSC_DEADLINE = 0x6e0;
    private static final int X2APIC_FIRST = 0x800;
    private static final int X2APIC_LAST = 0x8ff;
    private static final int PASID = 0xd93;
    private static final int XSS = 0xda0;
    private static final int EFER = 0xc000_0080;
    private static final int STAR = 0xc000_0081;
    private static final int LSTAR = 0xc000_0082;
    private static final int CSTAR = 0xc000_0083;
    private static final int FMASK = 0xc000_0084;
    private static final int FS_BASE = 0xc000_0100;
    private static final int GS_BASE = 0xc000_0101;
    private static final int KERNEL_GS_BASE = 0xc000_0102;
    private static final int TSC_AUX = 0xc000_0103;

    /** Locked: nothing that it could enable is there. */
    private static final long FEATURE_CONTROL_VALUE = 1;

    /** IBRS and IBPB: nothing is speculated, so that nothing changes. */
    private static final long IBRS = 1;

    private static final long IBPB = 1;

    /** Fast strings. */
    private static final long MISC_ENABLE_VALUE = 1;

    /**
     * RDCL_NO, IBRS_ALL, SKIP_L1DFL_VMENTRY, SSB_NO, MDS_NO, IF_PSCHANGE_MC_NO, TAA_NO,
     * SBDR_SSDP_NO, FBSDP_NO, PSDP_NO, BHI_NO, PBRSB_NO, GDS_NO, RFDS_NO, ITS_NO: an interpreter
     * speculates nothing, and what software does against it would only cost instructions.
     */
    private static final long ARCH_CAPABILITIES_VALUE = 0x4000_0000_0d10_e17bL;

    private static final long PAT_RESET = 0x0007_0406_0007_0406L;

    /** The number and, bit 31, whether it is valid. */
    private static final long PASID_BITS = 0x800f_ffffL;

    private static final long WORD = 0xffff_ffffL;

    /** WRMSR knows memory types 0, 1, 4, 5, 6 and 7. */
    private static final int MEMORY_TYPES = 0b1111_0011;

    private final X86Cpu cpu;
    private final Clock clock;

    /** IA32_PASID. */
    long pasid;

    /** IA32_XSS. */
    int xss;

    /** XCR0: no MSR, but read and written like one. */
    int xcr0;

    long star;
    long lstar;
    long fmask;
    long kernelGsBase;
    long tscAux;
    private long cstar;
    private long tscOffset;
    private long tscAdjust;
    private long specCtrl;
    private long sysenterCs;
    private long sysenterEsp;
    private long sysenterEip;
    private long mtrrDefType;
    private long pat;
    private final long[] mtrrFixed = new long[11];

    Msrs(X86Cpu cpu, Clock clock) {
        this.cpu = cpu;
        this.clock = clock;
    }

    void reset() {
        pasid = 0;
        xss = 0;
        xcr0 = XsaveState.X87_BIT;
        star = 0;
        lstar = 0;
        cstar = 0;
        fmask = 0;
        kernelGsBase = 0;
        tscAux = 0;
        tscOffset = 0;
        tscAdjust = 0;
        specCtrl = 0;
        sysenterCs = 0;
        sysenterEsp = 0;
        sysenterEip = 0;
        mtrrDefType = 0;
        pat = PAT_RESET;
        Arrays.fill(mtrrFixed, 0);
    }

    /** IA32_TIME_STAMP_COUNTER. */
    long timeStamp() {
        return clock.nanos() + tscOffset;
    }

    /** When the counter will be at {@code timeStamp}, in machine time. */
    long nanosAt(long timeStamp) {
        return timeStamp - tscOffset;
    }

    /** RDMSR. */
    long read(int index) {
        if (index >= X2APIC_FIRST && index <= X2APIC_LAST) {
            return cpu.apic.readMsr(index - X2APIC_FIRST);
        }
        int fixed = fixedRange(index);
        if (fixed >= 0) {
            return mtrrFixed[fixed];
        }
        return switch (index) {
            case TSC -> timeStamp();
            case PLATFORM_ID, BIOS_SIGN_ID, MCG_CAP, MCG_STATUS -> 0;
            case FEATURE_CONTROL -> FEATURE_CONTROL_VALUE;
            case APIC_BASE -> cpu.apic.base();
            case TSC_ADJUST -> tscAdjust;
            case MTRR_CAP -> 1 << 10 | 1 << 8; // write-combining, fixed ranges; no variable ones
            case ARCH_CAPABILITIES -> ARCH_CAPABILITIES_VALUE;
            case SPEC_CTRL -> specCtrl;
            case SYSENTER_CS -> sysenterCs;
            case SYSENTER_ESP -> sysenterEsp;
            case SYSENTER_EIP -> sysenterEip;
            case MISC_ENABLE -> MISC_ENABLE_VALUE;
            case PAT -> pat;
            case MTRR_DEF_TYPE -> mtrrDefType;
            case TSC_DEADLINE -> cpu.apic.deadline();
            case PASID -> pasid;
            case XSS -> xss;
            case EFER -> cpu.efer;
            case STAR -> star;
            case LSTAR -> lstar;
            case CSTAR -> cstar;
            case FMASK -> fmask;
            case FS_BASE -> cpu.x[X86Cpu.SEGMENT_BASES + Segment.FS];
            case GS_BASE -> cpu.x[X86Cpu.SEGMENT_BASES + Segment.GS];
            case KERNEL_GS_BASE -> kernelGsBase;
            case TSC_AUX -> tscAux;
            default -> throw cpu.generalProtection();
        };
    }

    /** WRMSR. */
    void write(int index, long value) {
        if (index >= X2APIC_FIRST && index <= X2APIC_LAST) {
            cpu.apic.writeMsr(index - X2APIC_FIRST, value);
            return;
        }
        int fixed = fixedRange(index);
        if (fixed >= 0) {
            mtrrFixed[fixed] = memoryTypes(value);
            return;
        }
        switch (index) {
            case TSC -> {
                long change = value - timeStamp();
                tscOffset += change;
                tscAdjust += change;
            }
            case APIC_BASE -> cpu.apic.setBase(value);
            case TSC_ADJUST -> {
                tscOffset += value - tscAdjust;
                tscAdjust = value;
            }
            case BIOS_SIGN_ID, MCG_STATUS, MISC_ENABLE -> {
                // nothing in there can be changed
            }
            case SPEC_CTRL -> specCtrl = defined(value, IBRS);
            case PRED_CMD -> defined(value, IBPB);
            case SYSENTER_CS -> sysenterCs = value & WORD;
            case SYSENTER_ESP -> sysenterEsp = canonical(value);
            case SYSENTER_EIP -> sysenterEip = canonical(value);
            case PAT -> pat = memoryTypes(value);
            case MTRR_DEF_TYPE -> mtrrDefType = value & 0xcff;
            case TSC_DEADLINE -> cpu.apic.setDeadline(value);
            case PASID -> setPasid(value);
            case XSS -> setXss(value);
            case EFER -> setEfer(value);
            case STAR -> star = value;
            case LSTAR -> lstar = canonical(value);
            case CSTAR -> cstar = canonical(value);
            case FMASK -> fmask = value & WORD;
            case FS_BASE -> cpu.setSegmentBase(Segment.FS, canonical(value));
            case GS_BASE -> cpu.setSegmentBase(Segment.GS, canonical(value));
            case KERNEL_GS_BASE -> kernelGsBase = canonical(value);
            case TSC_AUX -> tscAux = value & WORD;
            default -> throw cpu.generalProtection();
        }
    }

    private long defined(long value, long bits) {
        if ((value & ~bits) != 0) {
            throw cpu.generalProtection();
        }
        return value;
    }

    private static int fixedRange(int index) {
        return switch (index) {
            case MTRR_FIXED_64K -> 0;
            case MTRR_FIXED_16K, MTRR_FIXED_16K + 1 -> index - MTRR_FIXED_16K + 1;
            default ->
                    index >= MTRR_FIXED_4K && index < MTRR_FIXED_4K + 8
                            ? index - MTRR_FIXED_4K + 3
                            : -1;
        };
    }

    private long memoryTypes(long value) {
        for (int shift = 0; shift < 64; shift += 8) {
            long type = value >>> shift & 0xff;
            if (type > 7 || (MEMORY_TYPES >>> type & 1) == 0) {
                throw cpu.generalProtection();
            }
        }
        return value;
    }

    private long canonical(long value) {
        cpu.checkTarget(value);
        return value;
    }

    /** #GP(0) if a reserved bit is set. */
    void setPasid(long value) {
        if ((value & ~PASID_BITS) != 0) {
            throw cpu.generalProtection();
        }
        pasid = value;
    }

    private void setXss(long value) {
        if ((value & ~(long) XsaveState.PASID_BIT) != 0) {
            throw cpu.generalProtection();
        }
        xss = (int) value;
    }

    private void setEfer(long value) {
        long writable =
                ControlRegister.EFER_SCE.mask()
                        | ControlRegister.EFER_LME.mask()
                        | ControlRegister.EFER_NXE.mask();
        long lma = ControlRegister.EFER_LMA.mask();
        boolean paging = ControlRegister.CR0_PG.isSet(cpu.cr0);
        boolean wrong =
                (value & ~(writable | lma)) != 0
                        || paging && ControlRegister.EFER_LME.isSet(value ^ cpu.efer);
        if (wrong) {
            throw cpu.generalProtection();
        }
        cpu.efer = value & writable | cpu.efer & lma;
        cpu.mmu.controlsChanged();
    }
}
