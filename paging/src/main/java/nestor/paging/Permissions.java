package nestor.paging;

/**
 * What a mapping allows, as a set of bits that every format can express: read, write and execute,
 * each for privileged and for user accesses.
 */
public final class Permissions {
    public static final int PRIVILEGED_READ = 1;
    public static final int PRIVILEGED_WRITE = 1 << 1;
    public static final int PRIVILEGED_EXECUTE = 1 << 2;
    public static final int USER_READ = 1 << 3;
    public static final int USER_WRITE = 1 << 4;
    public static final int USER_EXECUTE = 1 << 5;

    private Permissions() {}

    /** Whether {@code granted} holds every bit of {@code needed}. */
    public static boolean allow(int granted, int needed) {
        return (granted & needed) == needed;
    }
}
