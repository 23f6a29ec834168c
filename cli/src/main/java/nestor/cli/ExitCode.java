package nestor.cli;

/** What the exit status of {@code nestor} means; {@code nestor --help} prints the same list. */
final class ExitCode {
    /** The guest shut down cleanly; the checks passed; the command did its work. */
    static final int OK = 0;

    /** The host or the virtual machine failed, or a check did. */
    static final int FAILED = 1;

    /** A wrong option, configuration or file. */
    static final int USAGE = 2;

    /** The guest's kernel panicked. */
    static final int GUEST_PANIC = 3;

    /** Nothing could be done on this machine, as KTAP's skip. */
    static final int SKIPPED = 4;

    /** {@code nestor run} reached its time limit. */
    static final int TIMEOUT = 5;

    /** {@code --oracle} reported a stale translation, and nothing worse happened. */
    static final int STALE = 6;

    /** {@code nestor bug}: an exception escaped. */
    static final int INTERNAL = 70;

    /** {@code nestor test} reached its time limit; the value of timeout(1). */
    static final int TEST_TIMEOUT = 124;

    private static final int SIGNAL_BASE = 128;

    private ExitCode() {}

    /** The shell's convention for a process ended by a signal. */
    static int ofSignal(int number) {
        return SIGNAL_BASE + number;
    }
}
