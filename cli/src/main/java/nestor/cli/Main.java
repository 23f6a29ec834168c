package nestor.cli;

import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.List;
import picocli.CommandLine;

/** Entry point of {@code ./nestor}. */
public final class Main {
    private Main() {}

    /** Runs one command and ends the process with its exit code. */
    public static void main(String[] arguments) {
        int code = execute(Host.ofProcess(), List.of(arguments));
        System.out.flush();
        // A console reader sits in read(2) and cannot be woken: leave it behind.
        System.exit(code);
    }

    static int execute(Host host, List<String> arguments) {
        return commandLine(host).execute(CommandFace.spell(arguments).toArray(String[]::new));
    }

    static CommandLine commandLine(Host host) {
        Failures failures = new Failures(host.log());
        CommandLine line = new CommandLine(new NestorCommand(host));
        line.addSubcommand(new ConfigCommand(host));
        line.addSubcommand(new CompletionCommand(host));
        line.setPosixClusteredShortOptionsAllowed(false);
        line.setOverwrittenOptionsAllowed(true);
        line.setExpandAtFiles(false);
        line.setUsageHelpAutoWidth(true);
        line.setOut(new PrintWriter(host.out(), true, StandardCharsets.UTF_8));
        line.setParameterExceptionHandler((e, _) -> failures.usage(e));
        line.setExecutionExceptionHandler((e, command, _) -> failures.report(e, command));
        return line;
    }
}
