package nestor.tests;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A run of the launcher that a test types into, and whose output it waits for, as a user does. */
final class NestorSession implements AutoCloseable {
    private static final String SWITCH = "\u0001c";
    private static final Pattern PROMPT = Pattern.compile("\\(nestor\\) ");

    private final Process process;
    private final Thread reader;
    private final StringBuilder output = new StringBuilder();
    private boolean ended;
    private int read;

    private NestorSession(Process process) {
        this.process = process;
        this.reader = Thread.ofPlatform().daemon().name("session output").start(this::read);
    }

    /** Starts it; standard error is part of the output. */
    static NestorSession start(String... arguments) {
        try {
            return new NestorSession(
                    NestorProcess.builder(arguments)
                            .redirectInput(ProcessBuilder.Redirect.PIPE)
                            .redirectErrorStream(true)
                            .start());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void read() {
        byte[] bytes = new byte[1 << 16];
        try (InputStream in = process.getInputStream()) {
            int count;
            while ((count = in.read(bytes)) >= 0) {
                append(new String(bytes, 0, count, StandardCharsets.ISO_8859_1));
            }
        } catch (IOException e) {
            append("\n[output ended: " + e.getMessage() + "]\n");
        }
        synchronized (output) {
            ended = true;
            output.notifyAll();
        }
    }

    private void append(String text) {
        synchronized (output) {
            output.append(text);
            output.notifyAll();
        }
    }

    void type(String text) {
        try {
            OutputStream in = process.getOutputStream();
            in.write(text.getBytes(StandardCharsets.ISO_8859_1));
            in.flush();
        } catch (IOException e) {
            throw new AssertionError("the process takes no input any more:\n" + output(), e);
        }
    }

    /**
     * Waits until {@code regex} is in the output after what was awaited before, and counts all up
     * to there as read.
     *
     * @return what was read
     */
    String await(String regex, Duration limit) {
        return await(Pattern.compile(regex, Pattern.MULTILINE), limit);
    }

    private String await(Pattern pattern, Duration limit) {
        long deadline = System.nanoTime() + limit.toNanos();
        synchronized (output) {
            Matcher matcher = pattern.matcher(output);
            while (!matcher.find(read)) {
                long left = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
                if (left <= 0 || ended) {
                    throw new AssertionError(
                            "no '%s' within %s:%n%s".formatted(pattern, limit, output));
                }
                try {
                    output.wait(left);
                } catch (InterruptedException e) {
                    throw new IllegalStateException(e);
                }
                matcher = pattern.matcher(output);
            }
            String seen = output.substring(read, matcher.end());
            read = matcher.end();
            return seen;
        }
    }

    /**
     * Goes to the monitor, gives one command, and returns to the console. The answer stays to be
     * awaited, because what the guest says meanwhile is mixed with it.
     *
     * @return the answer
     */
    String monitor(String command, Duration limit) {
        synchronized (output) {
            read = output.length();
        }
        type(SWITCH);
        await(PROMPT, limit);
        int asked = read;
        type(command + "\n");
        String answer = await(PROMPT, limit);
        type(SWITCH);
        read = asked;
        return answer;
    }

    /** Waits for its end. @return the exit code. */
    int end(Duration limit) {
        try {
            if (!process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS)) {
                throw new AssertionError("still running after %s:%n%s".formatted(limit, output()));
            }
            reader.join();
            return process.exitValue();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    ProcessHandle process() {
        return process.toHandle();
    }

    String output() {
        synchronized (output) {
            return output.toString();
        }
    }

    @Override
    public void close() {
        process.descendants().forEach(ProcessHandle::destroyForcibly);
        process.destroyForcibly();
    }
}
