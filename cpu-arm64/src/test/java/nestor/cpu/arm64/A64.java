package nestor.cpu.arm64;

/** The few encodings that the tests of the core need, by hand (§C6.2). */
final class A64 {
    static final int NOP = 0xd503_201f;
    static final int WFI = 0xd503_207f;
    static final int ISB = 0xd503_3fdf;
    static final int ERET = 0xd69f_03e0;
    static final int RET = 0xd65f_03c0;
    static final int FMOV_D0_X0 = 0x9e67_0000;

    /** Ends a test program: the harness stops at the hypercall. */
    static final int STOP = 0xd400_0002;

    private A64() {}

    static int movz(int d, int immediate) {
        return 0xd280_0000 | immediate << 5 | d;
    }

    static int addImmediate(int d, int n, int immediate) {
        return 0x9100_0000 | immediate << 10 | n << 5 | d;
    }

    static int ldr(int t, int n) {
        return 0xf940_0000 | n << 5 | t;
    }

    static int str(int t, int n) {
        return 0xf900_0000 | n << 5 | t;
    }

    static int strWord(int t, int n) {
        return 0xb900_0000 | n << 5 | t;
    }

    static int ldtr(int t, int n) {
        return 0xf840_0800 | n << 5 | t;
    }

    static int ldxr(int t, int n) {
        return 0xc85f_7c00 | n << 5 | t;
    }

    static int stxr(int s, int t, int n) {
        return 0xc800_7c00 | s << 16 | n << 5 | t;
    }

    static int svc(int immediate) {
        return 0xd400_0001 | immediate << 5;
    }

    static int brk(int immediate) {
        return 0xd420_0000 | immediate << 5;
    }

    static int br(int n) {
        return 0xd61f_0000 | n << 5;
    }

    static int b(int bytes) {
        return 0x1400_0000 | (bytes >> 2) & 0x3ff_ffff;
    }

    static int msr(int encoding, int t) {
        return 0xd500_0000 | encoding << 5 | t;
    }

    static int mrs(int t, int encoding) {
        return 0xd520_0000 | encoding << 5 | t;
    }

    static int sys(int op1, int crn, int crm, int op2, int t) {
        return 0xd500_0000 | SystemRegister.encoding(1, op1, crn, crm, op2) << 5 | t;
    }

    static int daifClear(int mask) {
        return 0xd503_40ff | mask << 8;
    }

    static int pan(int on) {
        return 0xd500_409f | on << 8;
    }
}
