package nestor.cli;

import java.io.PrintStream;

/**
 * Standard error: lines prefixed {@code nestor:}. {@code -q} keeps only errors, {@code -v} adds
 * details. Any thread.
 */
final class Log {
    /** How much is said. */
    enum Level {
        QUIET,
        NORMAL,
        VERBOSE
    }

    private final PrintStream err;
    private volatile Level level = Level.NORMAL;

    Log(PrintStream err) {
        this.err = err;
    }

    void level(Level chosen) {
        level = chosen;
    }

    Level level() {
        return level;
    }

    /** Always printed. */
    void error(String message) {
        print(message);
    }

    /** Printed unless quiet. */
    void info(String message) {
        if (level != Level.QUIET) {
            print(message);
        }
    }

    /** Printed when verbose. */
    void detail(String message) {
        if (level == Level.VERBOSE) {
            print(message);
        }
    }

    /** Text as it is, for a progress bar. */
    void raw(String text) {
        err.print(text);
        err.flush();
    }

    /** Standard error itself. */
    PrintStream stream() {
        return err;
    }

    private void print(String message) {
        err.println("nestor: " + message);
        err.flush();
    }
}
