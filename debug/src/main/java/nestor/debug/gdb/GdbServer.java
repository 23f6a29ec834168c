package nestor.debug.gdb;

import java.io.Closeable;
import java.io.IOException;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.UnaryOperator;
import nestor.debug.SocketSpec;
import nestor.machine.MachineControl;
import nestor.machine.MachineEvent;

/** Where a debugger connects ({@code -gdb}, {@code -s}). A second one is turned away. */
public final class GdbServer implements Closeable {
    private final SocketSpec spec;
    private final MachineControl control;
    private final UnaryOperator<String> monitor;
    private final ServerSocketChannel server;
    private final ExecutorService events =
            Executors.newSingleThreadExecutor(
                    Thread.ofPlatform().daemon().name("gdb-", 0).factory());
    private final AtomicReference<Optional<Connection>> connection =
            new AtomicReference<>(Optional.empty());

    private record Connection(SocketChannel channel, GdbSession session) {}

    private GdbServer(
            SocketSpec spec,
            MachineControl control,
            UnaryOperator<String> monitor,
            ServerSocketChannel server) {
        this.spec = spec;
        this.control = control;
        this.monitor = monitor;
        this.server = server;
    }

    /**
     * Listens.
     *
     * @param control of the machine, all of whose vCPUs have a debug port
     * @param monitor what answers {@code monitor} commands, a line with lines; on the session's
     *     thread
     * @throws IOException if the address cannot be listened on
     */
    public static GdbServer open(
            SocketSpec spec, MachineControl control, UnaryOperator<String> monitor)
            throws IOException {
        GdbServer made = new GdbServer(spec, control, monitor, spec.listen());
        control.listen(made::told);
        Thread.ofPlatform().daemon().name("gdb accept").start(made::accept);
        return made;
    }

    private void accept() {
        while (server.isOpen()) {
            try {
                SocketChannel channel = server.accept();
                GdbSession session = new GdbSession(control, new Packets(channel), monitor);
                Connection next = new Connection(channel, session);
                if (connection.compareAndSet(Optional.empty(), Optional.of(next))) {
                    Thread.ofPlatform().daemon().name("gdb").start(() -> serve(next));
                } else {
                    channel.close();
                }
            } catch (IOException e) {
                // this one is gone; the server's own end is seen above
            }
        }
    }

    private void serve(Connection served) {
        try (SocketChannel _ = served.channel) {
            run(served.session);
        } catch (IOException e) {
            // it left without a word
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** The place is free before the debugger sees its end: it may come back at once. */
    private void run(GdbSession session) throws IOException, InterruptedException {
        try {
            session.run();
        } finally {
            connection.set(Optional.empty());
        }
    }

    private void told(MachineEvent event) {
        Optional<Connection> now = connection.get();
        if (now.isPresent()) {
            try {
                events.execute(() -> tell(now.get(), event));
            } catch (RejectedExecutionException e) {
                // closed meanwhile
            }
        }
    }

    private static void tell(Connection to, MachineEvent event) {
        try {
            to.session.told(event);
        } catch (IOException e) {
            // its reader sees the same
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Listens no more and lets a debugger go, once what the machine did last has been told. */
    @Override
    public void close() throws IOException {
        server.close();
        events.close();
        Optional<Connection> last = connection.get();
        if (last.isPresent()) {
            last.get().channel.close();
        }
        if (spec.file().isPresent()) {
            Files.deleteIfExists(spec.file().get());
        }
    }
}
