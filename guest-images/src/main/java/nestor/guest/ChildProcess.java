package nestor.guest;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;

/** Runs a program of this machine to its end; an interrupt of the caller ends it too. */
final class ChildProcess {
    private static final int MAX_OUTPUT_BYTES = 64 << 20;
    private static final long TICK_MILLIS = 100;
    private static final long GRACE_SECONDS = 5;
    private static final int SIGNALLED = 128;
    private static final int SIGINT = 2;
    private static final int SIGTERM = 15;

    /** What it printed, and its exit status. */
    record Result(int status, String output, String errors) {}

    private ChildProcess() {}

    /**
     * Runs it and waits for its end.
     *
     * @param tick called now and then while the program runs, on the caller's thread
     * @throws IOException if it cannot be started
     */
    static Result run(
            List<String> command, Path directory, Map<String, String> environment, Runnable tick)
            throws IOException, InterruptedException {
        ProcessBuilder builder = new ProcessBuilder(command).directory(directory.toFile());
        builder.redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()));
        builder.environment().putAll(environment);
        Process process = builder.start();
        try {
            CompletableFuture<String> output = reading(process.getInputStream());
            CompletableFuture<String> errors = reading(process.getErrorStream());
            while (!process.waitFor(TICK_MILLIS, TimeUnit.MILLISECONDS)) {
                tick.run();
            }
            tick.run();
            int status = process.exitValue();
            if (status == SIGNALLED + SIGINT || status == SIGNALLED + SIGTERM) {
                // The terminal told both of us to end.
                throw new InterruptedException();
            }
            return new Result(status, output.join(), errors.join());
        } catch (CompletionException e) {
            throw new IOException("cannot read what " + command.getFirst() + " prints", e);
        } finally {
            end(process);
        }
    }

    private static CompletableFuture<String> reading(InputStream stream) {
        CompletableFuture<String> text = new CompletableFuture<>();
        Thread.ofVirtual()
                .start(() -> {
                    try (stream) {
                        byte[] bytes = stream.readNBytes(MAX_OUTPUT_BYTES);
                        text.complete(new String(bytes, StandardCharsets.UTF_8));
                    } catch (IOException e) {
                        text.completeExceptionally(new UncheckedIOException(e));
                    }
                });
        return text;
    }

    private static void end(Process process) {
        if (!process.isAlive()) {
            return;
        }
        List<ProcessHandle> family = process.descendants().toList();
        process.destroy();
        family.forEach(ProcessHandle::destroy);
        try {
            if (!process.waitFor(GRACE_SECONDS, TimeUnit.SECONDS)) {
                process.destroyForcibly();
            }
        } catch (InterruptedException e) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
        }
    }
}
