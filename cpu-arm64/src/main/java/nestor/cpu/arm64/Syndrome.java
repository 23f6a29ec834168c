package nestor.cpu.arm64;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import nestor.vmm.register.BitField;

/** ESR_EL1 (DDI 0487, §D17.2.37): exception classes, and the ISS of each. */
final class Syndrome {
    static final BitField EC = bits(31, 26);
    static final BitField IL = bit(25);

    /** Exception classes. */
    static final int UNKNOWN = 0x00;

    static final int WFX = 0x01;
    static final int FP_ACCESS = 0x07;
    static final int ILLEGAL_STATE = 0x0e;
    static final int SVC64 = 0x15;
    static final int SYSTEM_REGISTER = 0x18;
    static final int INSTRUCTION_ABORT_LOWER = 0x20;
    static final int INSTRUCTION_ABORT_SAME = 0x21;
    static final int PC_ALIGNMENT = 0x22;
    static final int DATA_ABORT_LOWER = 0x24;
    static final int DATA_ABORT_SAME = 0x25;
    static final int SP_ALIGNMENT = 0x26;
    static final int BRK64 = 0x3c;

    /** ISS of a Data Abort. */
    static final BitField CM = bit(8);

    static final BitField WNR = bit(6);

    /** DFSC and IFSC values; the level is added to the first four. */
    static final int ADDRESS_SIZE = 0b000000;

    static final int TRANSLATION = 0b000100;
    static final int ACCESS_FLAG = 0b001000;
    static final int PERMISSION = 0b001100;
    static final int EXTERNAL = 0b010000;
    static final int EXTERNAL_ON_WALK = 0b010100;
    static final int ALIGNMENT = 0b100001;

    /** ISS of an FP access trap from A64: CV, COND = AL. */
    private static final long FP_ISS = 1L << 24 | 0xeL << 20;

    private static final BitField TI = bit(0);

    private Syndrome() {}

    /** A syndrome for a 32-bit instruction. */
    static long of(int exceptionClass, long iss) {
        return (long) exceptionClass << EC.lo() | IL.mask() | iss;
    }

    static long fpAccess() {
        return of(FP_ACCESS, FP_ISS);
    }

    /** A trapped WFI or WFE: CV, COND = AL, TI. */
    static long waitTrap(boolean event) {
        return of(WFX, FP_ISS | (event ? TI.mask() : 0));
    }

    /**
     * A trapped MSR, MRS or system instruction (EC 0x18).
     *
     * @param instruction its encoding, whose fields the ISS repeats in another order
     */
    static long systemRegister(int instruction) {
        int op0 = (instruction >>> 19) & 3;
        int op1 = (instruction >>> 16) & 7;
        int crn = (instruction >>> 12) & 0xf;
        int crm = (instruction >>> 8) & 0xf;
        int op2 = (instruction >>> 5) & 7;
        int rt = instruction & 0x1f;
        int read = (instruction >>> 21) & 1;
        return of(
                SYSTEM_REGISTER,
                op0 << 20 | op2 << 17 | op1 << 14 | crn << 10 | rt << 5 | crm << 1 | read);
    }
}
