package nestor.debug.qtest;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import nestor.debug.SocketSpec;
import nestor.machine.Machine;
import org.jspecify.annotations.Nullable;

/**
 * Serves one client of the qtest protocol ({@code -qtest}), on a thread of its own, once the board
 * has been reset. When the client has gone the machine ends.
 */
public final class QtestServer implements Closeable {
    /** Bound on a line: a transfer of the largest size in hexadecimal, and its command. */
    private static final int MAX_LINE = 2 * QtestCommands.MAX_BYTES + 256;

    private static final double NANOS_PER_SECOND = 1e9;

    /** Both directions of a connection. */
    private record Streams(InputStream in, OutputStream out) {}

    /** Where the connection comes from; may wait for it. */
    @FunctionalInterface
    private interface Opener {
        Streams open() throws IOException;
    }

    private final Machine machine;
    private final Opener opener;
    private final Closeable closer;
    private final QtestCommands commands;
    private final PrintStream log;
    private final long began = System.nanoTime();
    private @Nullable OutputStream out;

    private QtestServer(Machine machine, Opener opener, Closeable closer, PrintStream log) {
        this.machine = machine;
        this.opener = opener;
        this.closer = closer;
        this.log = log;
        commands = new QtestCommands(machine.testDriver(), this::tellInterrupt);
    }

    /**
     * Serves the client of a socket.
     *
     * @param log takes a line for each in both directions
     * @throws IOException if it cannot be connected to, or listened for
     */
    public static QtestServer on(SocketSpec spec, Machine machine, PrintStream log)
            throws IOException {
        if (!spec.server()) {
            SocketChannel channel = spec.connect();
            return new QtestServer(machine, () -> streams(channel), channel, log);
        }
        ServerSocketChannel server = spec.listen();
        return new QtestServer(
                machine,
                () -> streams(server.accept()),
                () -> {
                    server.close();
                    if (spec.file().isPresent()) {
                        Files.deleteIfExists(spec.file().get());
                    }
                },
                log);
    }

    /** Serves a client that is there already: standard input and output. */
    public static QtestServer on(
            InputStream in, OutputStream out, Machine machine, PrintStream log) {
        return new QtestServer(machine, () -> new Streams(in, out), () -> {}, log);
    }

    private static Streams streams(SocketChannel channel) {
        return new Streams(
                new BufferedInputStream(Channels.newInputStream(channel)),
                Channels.newOutputStream(channel));
    }

    /** Begins to serve. */
    public void start() {
        Thread.ofPlatform().daemon().name("qtest").start(this::serve);
    }

    private void serve() {
        try {
            Streams streams = opener.open();
            machine.control().awaitLaunch();
            synchronized (this) {
                out = new BufferedOutputStream(streams.out);
            }
            for (String line = line(streams.in); line != null; line = line(streams.in)) {
                if (!line.isBlank()) {
                    log("R", line);
                    send(commands.answer(line));
                }
            }
        } catch (IOException e) {
            // the client has gone
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            machine.stop();
        }
    }

    /** Null at the end. */
    private static @Nullable String line(InputStream in) throws IOException {
        StringBuilder line = new StringBuilder();
        for (int c = in.read(); c != '\n'; c = in.read()) {
            if (c < 0) {
                return null;
            }
            if (line.length() == MAX_LINE) {
                throw new IOException("a line of more than %d bytes".formatted(MAX_LINE));
            }
            line.append((char) c);
        }
        return line.toString();
    }

    private void tellInterrupt(int line, boolean asserted) {
        try {
            send("IRQ %s %d".formatted(asserted ? "raise" : "lower", line));
        } catch (IOException e) {
            // its reader sees the same
        }
    }

    private synchronized void send(String line) throws IOException {
        log("S", line);
        if (out != null) {
            out.write((line + "\n").getBytes(StandardCharsets.ISO_8859_1));
            out.flush();
        }
    }

    private synchronized void log(String direction, String line) {
        log.printf(
                "[%s +%.6f] %s%n", direction, (System.nanoTime() - began) / NANOS_PER_SECOND, line);
    }

    @Override
    public void close() throws IOException {
        closer.close();
        log.flush();
    }
}
