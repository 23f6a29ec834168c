package nestor.cpu.x86;

/** Exception vectors (3A §6.3, table 6-1). */
final class Vector {
    static final int DE = 0;
    static final int DB = 1;
    static final int NMI = 2;
    static final int BP = 3;
    static final int OF = 4;
    static final int UD = 6;
    static final int NM = 7;
    static final int DF = 8;
    static final int TS = 10;
    static final int NP = 11;
    static final int SS = 12;
    static final int GP = 13;
    static final int PF = 14;
    static final int MF = 16;
    static final int AC = 17;
    static final int XM = 19;

    private static final int WITH_ERROR_CODE =
            1 << DF | 1 << TS | 1 << NP | 1 << SS | 1 << GP | 1 << PF | 1 << AC;

    private static final int CONTRIBUTORY = 1 << DE | 1 << TS | 1 << NP | 1 << SS | 1 << GP;

    private Vector() {}

    /** Whether an error code is pushed. */
    static boolean hasErrorCode(int vector) {
        return vector < 32 && (WITH_ERROR_CODE >>> vector & 1) != 0;
    }

    /** Whether {@code second}, met while delivering {@code first}, makes a double fault (§6.15). */
    static boolean doubleFaults(int first, int second) {
        return isContributory(first) && isContributory(second)
                || first == PF && (second == PF || isContributory(second));
    }

    private static boolean isContributory(int vector) {
        return vector < 32 && (CONTRIBUTORY >>> vector & 1) != 0;
    }
}
