package nestor.cli.terminal;

import java.util.function.UnaryOperator;

/** A line editor of few words (echo, erase, enter) in front of commands. One thread. */
public final class Monitor {
    private static final String PROMPT = "(nestor) ";
    private static final int MAX_LINE = 256;
    private static final char BACKSPACE = '\b';
    private static final char DELETE = 0x7f;
    private static final char CTRL_U = 0x15;

    private final UnaryOperator<String> commands;
    private final StringBuilder line = new StringBuilder();

    /**
     * A monitor over commands.
     *
     * @param commands from a line to its answer, which ends with a line feed or is empty
     */
    public Monitor(UnaryOperator<String> commands) {
        this.commands = commands;
    }

    /** What Ctrl-A c prints. */
    public String greeting() {
        line.setLength(0);
        return "\nNestor monitor: 'help' lists the commands, Ctrl-A c returns to the console\n"
                + PROMPT;
    }

    /** Takes one typed byte. @return what to print. */
    public String accept(byte typed) {
        char c = (char) (typed & 0xff);
        return switch (c) {
            case '\r', '\n' -> "\n" + execute() + PROMPT;
            case BACKSPACE, DELETE -> erase(Math.min(1, line.length()));
            case CTRL_U -> erase(line.length());
            default -> {
                if (c < ' ' || c > '~' || line.length() >= MAX_LINE) {
                    yield "";
                }
                line.append(c);
                yield String.valueOf(c);
            }
        };
    }

    private String execute() {
        String command = line.toString().strip();
        line.setLength(0);
        return command.isEmpty() ? "" : commands.apply(command);
    }

    private String erase(int count) {
        line.setLength(line.length() - count);
        return "\b \b".repeat(count);
    }
}
