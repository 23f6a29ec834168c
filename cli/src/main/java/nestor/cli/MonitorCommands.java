package nestor.cli;

import java.util.Optional;
import java.util.function.Supplier;
import nestor.machine.Machine;

/** What the monitor (Ctrl-A c) understands. */
final class MonitorCommands {
    private static final String HELP =
            """
            info status  whether the machine runs, and how far it has come
            quit         stop the machine
            help         this list
            """;

    private final Supplier<Optional<Machine>> machine;
    private final Runnable quit;

    MonitorCommands(Supplier<Optional<Machine>> machine, Runnable quit) {
        this.machine = machine;
        this.quit = quit;
    }

    /** Answers one line. */
    String execute(String line) {
        return switch (line.replaceAll("\\s+", " ")) {
            case "help", "?" -> HELP;
            case "info status" ->
                    machine.get()
                            .map(m ->
                                    "running, %,d instructions retired%n"
                                            .formatted(m.retiredInstructions()))
                            .orElse("not running\n");
            case "quit", "q" -> {
                quit.run();
                yield "";
            }
            default -> "unknown command '" + line + "'; 'help' lists them\n";
        };
    }
}
