package nestor.cpu.arm64;

/** Indices into {@link Arm64Cpu#system}: the system registers that are plain storage. */
final class Slot {
    static final int SP_EL0 = 0;
    static final int SP_EL1 = 1;
    static final int SCTLR = 2;
    static final int CPACR = 3;
    static final int TTBR0 = 4;
    static final int TTBR1 = 5;
    static final int TCR = 6;
    static final int MAIR = 7;
    static final int SPSR = 8;
    static final int ELR = 9;
    static final int ESR = 10;
    static final int FAR = 11;
    static final int PAR = 12;
    static final int VBAR = 13;
    static final int CONTEXTIDR = 14;
    static final int TPIDR_EL1 = 15;
    static final int TPIDR_EL0 = 16;
    static final int TPIDRRO_EL0 = 17;
    static final int CNTKCTL = 18;
    static final int CSSELR = 19;
    static final int AFSR0 = 20;
    static final int AFSR1 = 21;
    static final int AMAIR = 22;
    static final int MDSCR = 23;
    static final int MDCCINT = 24;
    static final int OSDLR = 25;
    static final int OS_LOCK = 26;
    static final int DBGPRCR = 27;
    static final int OSDTRRX = 28;
    static final int OSDTRTX = 29;
    static final int OSECCR = 30;
    static final int CLAIM = 31;

    /** Sixteen of each follow. */
    static final int DBGBVR = 32;

    static final int DBGBCR = 48;
    static final int DBGWVR = 64;
    static final int DBGWCR = 80;
    static final int COUNT = 96;

    private Slot() {}
}
