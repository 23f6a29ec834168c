package nestor.cpu.x86;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import nestor.vmm.register.BitField;

/** Fields of the control registers (3A §2.5) and of IA32_EFER (3A §2.2.1). */
final class ControlRegister {
    static final BitField CR0_PE = bit(0);
    static final BitField CR0_MP = bit(1);
    static final BitField CR0_EM = bit(2);
    static final BitField CR0_TS = bit(3);
    static final BitField CR0_ET = bit(4);
    static final BitField CR0_NE = bit(5);
    static final BitField CR0_WP = bit(16);
    static final BitField CR0_AM = bit(18);
    static final BitField CR0_NW = bit(29);
    static final BitField CR0_CD = bit(30);
    static final BitField CR0_PG = bit(31);

    static final long CR0_WRITABLE =
            CR0_PE.mask()
                    | CR0_MP.mask()
                    | CR0_EM.mask()
                    | CR0_TS.mask()
                    | CR0_NE.mask()
                    | CR0_WP.mask()
                    | CR0_AM.mask()
                    | CR0_NW.mask()
                    | CR0_CD.mask()
                    | CR0_PG.mask();

    static final BitField CR4_TSD = bit(2);
    static final BitField CR4_DE = bit(3);
    static final BitField CR4_PSE = bit(4);
    static final BitField CR4_PAE = bit(5);
    static final BitField CR4_MCE = bit(6);
    static final BitField CR4_PGE = bit(7);
    static final BitField CR4_PCE = bit(8);
    static final BitField CR4_OSFXSR = bit(9);
    static final BitField CR4_OSXMMEXCPT = bit(10);
    static final BitField CR4_UMIP = bit(11);
    static final BitField CR4_LA57 = bit(12);
    static final BitField CR4_FSGSBASE = bit(16);
    static final BitField CR4_OSXSAVE = bit(18);
    static final BitField CR4_SMEP = bit(20);
    static final BitField CR4_SMAP = bit(21);

    static final BitField EFER_SCE = bit(0);
    static final BitField EFER_LME = bit(8);
    static final BitField EFER_LMA = bit(10);
    static final BitField EFER_NXE = bit(11);

    /** MOV to CR3 in 64-bit mode, without PCIDs. */
    static final BitField CR3_ADDRESS = bits(51, 12);

    private ControlRegister() {}
}
