package nestor.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import nestor.guest.ImageException;
import nestor.machine.ConfigException;
import picocli.CommandLine;
import picocli.CommandLine.MissingParameterException;
import picocli.CommandLine.OverwrittenOptionException;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;

/** Turns whatever ended a command into one line on standard error and an exit code. */
final class Failures {
    private final Log log;

    Failures(Log log) {
        this.log = log;
    }

    /** Picocli refused the arguments. */
    int usage(ParameterException refused) {
        String command = refused.getCommandLine().getCommandSpec().qualifiedName();
        String problem =
                switch (refused) {
                    case UnmatchedArgumentException e -> unmatched(e);
                    case MissingParameterException e -> decapitalize(firstLine(e));
                    case OverwrittenOptionException e -> decapitalize(firstLine(e));
                    default -> decapitalize(firstLine(refused));
                };
        log.error("%s; see %s --help".formatted(problem, command));
        return ExitCode.USAGE;
    }

    private static String unmatched(UnmatchedArgumentException e) {
        String word = e.getUnmatched().getFirst();
        List<String> similar = e.getSuggestions();
        String kind = word.startsWith("-") ? "option" : e.isUnknownOption() ? "option" : "argument";
        if (!word.startsWith("-") && e.getCommandLine().getCommand() instanceof NestorCommand) {
            kind = "command";
        }
        String hint = similar.isEmpty() ? "" : " (did you mean " + similar.getFirst() + "?)";
        return "unknown " + kind + " '" + word + "'" + hint;
    }

    /** A command ended by an exception. */
    int report(Exception failure, CommandLine command) {
        return switch (failure) {
            case CommandException e -> {
                log.error(firstLine(e));
                yield e.exitCode();
            }
            case ConfigException e -> {
                log.error(firstLine(e));
                yield ExitCode.USAGE;
            }
            case ImageException e -> {
                log.error(firstLine(e));
                yield ExitCode.FAILED;
            }
            case IOException e -> {
                log.error(CommandException.reason(e));
                yield ExitCode.FAILED;
            }
            default -> internal(failure, command.getCommandSpec().qualifiedName());
        };
    }

    /** Our bug: leave what a report needs in a file. */
    int internal(Throwable bug, String command) {
        StringWriter text = new StringWriter();
        PrintWriter out = new PrintWriter(text);
        out.printf("command: %s%n", command);
        out.printf("version: %s%n", Version.text());
        out.printf("java: %s on %s%n", Runtime.version(), System.getProperty("os.arch"));
        bug.printStackTrace(out);
        out.flush();
        try {
            Path file = Files.createTempFile("nestor-crash-", ".txt");
            Files.writeString(file, text.toString());
            log.error("internal error: %s; please report it with the file %s".formatted(bug, file));
        } catch (IOException e) {
            log.error("internal error:%n%s".formatted(text));
        }
        return ExitCode.INTERNAL;
    }

    private static String firstLine(Exception e) {
        String message = e.getMessage();
        return message == null
                ? e.getClass().getSimpleName()
                : message.lines().findFirst().orElse("");
    }

    private static String decapitalize(String text) {
        return text.isEmpty()
                ? text
                : text.substring(0, 1).toLowerCase(Locale.ROOT) + text.substring(1);
    }
}
