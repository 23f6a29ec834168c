package nestor.hostsim;

/** A call fails with this error number. Checked and stackless. */
final class Refusal extends Exception {
    private static final long serialVersionUID = 1L;

    private final int errno;

    Refusal(int errno) {
        super("errno " + errno, null, false, false);
        this.errno = errno;
    }

    int errno() {
        return errno;
    }

    /** Refuses, if {@code condition}. */
    static void when(boolean condition, int errno) throws Refusal {
        if (condition) {
            throw new Refusal(errno);
        }
    }
}
