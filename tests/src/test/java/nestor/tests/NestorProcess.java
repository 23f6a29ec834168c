package nestor.tests;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** Runs the launcher as a user does: a process, its exit code, and what it wrote where. */
final class NestorProcess {
    /** The repository's root. */
    static final Path ROOT =
            Path.of(System.getProperty("nestor.root", "..")).toAbsolutePath().normalize();

    private NestorProcess() {}

    /** How a run ended. */
    record Result(int exitCode, String stdout, String stderr) {
        List<String> errorLines() {
            return stderr.lines().filter(line -> !line.isBlank()).toList();
        }
    }

    static Result run(Duration limit, String... arguments) {
        return run(limit, Map.of(), arguments);
    }

    /** Runs to the end, with no standard input; a run past {@code limit} is killed and reported. */
    static Result run(Duration limit, Map<String, String> environment, String... arguments) {
        try {
            Path stdout = Files.createTempFile("nestor-it-", ".out");
            Path stderr = Files.createTempFile("nestor-it-", ".err");
            try {
                ProcessBuilder builder = builder(arguments);
                builder.environment().putAll(environment);
                builder.redirectOutput(stdout.toFile()).redirectError(stderr.toFile());
                Process process = builder.start();
                boolean ended = process.waitFor(limit.toSeconds(), TimeUnit.SECONDS);
                if (!ended) {
                    process.descendants().forEach(ProcessHandle::destroyForcibly);
                    process.destroyForcibly().waitFor();
                }
                String out = text(stdout);
                String err = text(stderr);
                if (!ended) {
                    throw new AssertionError(
                            "still running after %s: %s%n%s%n%s"
                                    .formatted(limit, List.of(arguments), out, err));
                }
                return new Result(process.exitValue(), out, err);
            } finally {
                Files.deleteIfExists(stdout);
                Files.deleteIfExists(stderr);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    /** A builder for the launcher, with standard input at its end. */
    static ProcessBuilder builder(String... arguments) {
        List<String> command = new ArrayList<>(List.of(ROOT.resolve("nestor").toString()));
        command.addAll(List.of(arguments));
        return new ProcessBuilder(command).redirectInput(Path.of("/dev/null").toFile());
    }

    private static String text(Path file) throws IOException {
        return Files.readString(file, StandardCharsets.ISO_8859_1);
    }
}
