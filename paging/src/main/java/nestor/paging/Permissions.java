package nestor.paging;

/**
 * What a mapping allows, as a set of bits that every format can express: read, write and execute,
 * each for privileged and for user accesses. A format that does not tell the two apart grants both
 * or neither.
 */
public final class Permissions {
    public static final int PRIVILEGED_READ = 1;
    public static final int PRIVILEGED_WRITE = 1 << 1;
    public static final int PRIVILEGED_EXECUTE = 1 << 2;
    public static final int USER_READ = 1 << 3;
    public static final int USER_WRITE = 1 << 4;
    public static final int USER_EXECUTE = 1 << 5;

    public static final int READ = PRIVILEGED_READ | USER_READ;
    public static final int WRITE = PRIVILEGED_WRITE | USER_WRITE;
    public static final int EXECUTE = PRIVILEGED_EXECUTE | USER_EXECUTE;

    private Permissions() {}

    /** Whether {@code granted} holds every bit of {@code needed}. */
    public static boolean allow(int granted, int needed) {
        return (granted & needed) == needed;
    }
}
