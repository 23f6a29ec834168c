package nestor.cli.terminal;

/**
 * The escape key of QEMU's {@code -nographic} and minicom: Ctrl-A, then a letter. Total: every byte
 * means something. One thread.
 */
public final class EscapeKey {
    /** What a typed byte means. */
    public enum Meaning {
        /** For the guest or the monitor. */
        INPUT,
        /** Part of an escape: nothing yet. */
        PENDING,
        /** Ctrl-A x. */
        QUIT,
        /** Ctrl-A c. */
        SWITCH,
        /** Ctrl-A h or ?. */
        HELP,
        /** Ctrl-A and a letter without a meaning. */
        UNKNOWN
    }

    /** Ctrl-A. */
    public static final byte KEY = 1;

    private boolean escaped;

    /** Decodes one byte. Ctrl-A Ctrl-A is Ctrl-A itself. */
    public Meaning accept(byte typed) {
        if (!escaped) {
            escaped = typed == KEY;
            return escaped ? Meaning.PENDING : Meaning.INPUT;
        }
        escaped = false;
        return switch (typed) {
            case KEY -> Meaning.INPUT;
            case 'x', 'X' -> Meaning.QUIT;
            case 'c', 'C' -> Meaning.SWITCH;
            case 'h', 'H', '?' -> Meaning.HELP;
            default -> Meaning.UNKNOWN;
        };
    }
}
