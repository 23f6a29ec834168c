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
        Host host = Host.ofProcess();
        int code = execute(host, List.of(arguments));
        host.out().flush();
        // A console reader sits in read(2) and cannot be woken: leave it behind.
        System.exit(code);
    }

    static int execute(Host host, List<String> arguments) {
        try {
            List<String> spelled = CommandFace.spell(arguments);
            if (spelled.equals(List.of(SystemFace.VERSION))) {
                host.out().println(SystemFace.version());
                return ExitCode.OK;
            }
            return commandLine(host).execute(spelled.toArray(String[]::new));
        } catch (CommandException refused) {
            host.log().error(String.valueOf(refused.getMessage()));
            return refused.exitCode();
        } catch (Error bug) {
            // Picocli hands over exceptions only; whatever else escapes is a bug of ours, too.
            return new Failures(host.log()).internal(bug, String.join(" ", arguments));
        }
    }

    static CommandLine commandLine(Host host) {
        Failures failures = new Failures(host.log());
        CommandLine line = new CommandLine(new NestorCommand(host));
        line.addSubcommand(new RunCommand(host));
        line.addSubcommand(new TestCommand(host));
        line.addSubcommand(new CtlCommand(host));
        line.addSubcommand(new ImagesCommand(host));
        line.addSubcommand(new DoctorCommand(host));
        line.addSubcommand(new BenchCommand(host));
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
