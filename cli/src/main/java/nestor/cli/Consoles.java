package nestor.cli;

import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import nestor.cli.terminal.BoundedOutput;
import nestor.cli.terminal.Monitor;
import nestor.cli.terminal.OutputBackend;
import nestor.cli.terminal.StdioBackend;
import nestor.cli.terminal.StdioMonitor;
import nestor.cli.terminal.Terminal;
import nestor.machine.Machine;
import nestor.vmm.chardev.CharBackend;

/**
 * The host's side of a machine's consoles, made from the plan; closed when the machine has ended.
 */
final class Consoles implements AutoCloseable {
    /** The name of the PL011's backend. */
    static final String SERIAL = Machine.SERIAL0;

    private static final int BUFFER_BYTES = 1 << 20;
    private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(5);
    private static final long FLUSH_NANOS = TimeUnit.SECONDS.toNanos(1);

    private final Host host;
    private final Terminal terminal;
    private final Runnable quit;
    private final Monitor monitor;
    private final ControlSockets sockets;
    private final Map<String, CharBackend> backends = new LinkedHashMap<>();
    private final List<BoundedOutput> outputs = new CopyOnWriteArrayList<>();
    private final List<OutputStream> files = new ArrayList<>();
    private Optional<Chardev.Stdio> stdio = Optional.empty();
    private Optional<StdioMonitor> stdioMonitor = Optional.empty();

    /**
     * Consoles that do not exist yet.
     *
     * @param quit what Ctrl-A x does
     */
    Consoles(Host host, Terminal terminal, Monitor monitor, ControlSockets sockets, Runnable quit) {
        this.sockets = sockets;
        this.host = host;
        this.terminal = terminal;
        this.monitor = monitor;
        this.quit = quit;
    }

    /** Makes the backends; the terminal is not touched before {@link #start}. */
    Map<String, CharBackend> open(MachinePlan plan) throws CommandException {
        for (Map.Entry<String, Chardev> chardev : plan.chardevs().entrySet()) {
            backends.put(chardev.getKey(), open(chardev.getValue()));
        }
        backends.put(
                SERIAL,
                plan.serial() instanceof Chardev.Named(String id)
                        ? backends.get(id)
                        : open(plan.serial()));
        if (plan.monitors().stream().anyMatch(MonitorPlan::isStdio)) {
            stdio = Optional.of(new Chardev.Stdio(false));
            stdioMonitor =
                    Optional.of(
                            new StdioMonitor(
                                    host.in(), output("standard output", host.rawOut()), monitor));
        }
        return backends;
    }

    /** The machine is to stop: output that nobody reads must not hold it. Any thread. */
    void hurry() {
        outputs.forEach(BoundedOutput::hurry);
    }

    /** Puts the terminal in raw mode if a console uses it. */
    void start() {
        stdioMonitor.ifPresent(StdioMonitor::start);
        stdio.ifPresent(
                s -> terminal.raw(s.escape() ? Terminal.Keys.TO_GUEST : Terminal.Keys.SIGNAL));
    }

    /** Lets the last output reach its reader, gives the terminal back, and tells what was lost. */
    @Override
    public void close() {
        long lost = 0;
        for (BoundedOutput output : outputs) {
            output.flush(FLUSH_NANOS);
            output.close();
            if (output.isBroken()) {
                host.log()
                        .detail(
                                "console output ended early: its reader is gone or the disk is full");
            }
            lost += output.lostBytes();
        }
        terminal.close();
        for (OutputStream file : files) {
            try {
                file.close();
            } catch (IOException e) {
                host.log().error("-chardev: " + CommandException.reason(e));
            }
        }
        if (lost > 0) {
            host.log()
                    .info(
                            "%d bytes of console output were lost: the reader was too slow"
                                    .formatted(lost));
        }
    }

    private CharBackend open(Chardev chardev) throws CommandException {
        return switch (chardev) {
            case Chardev.Stdio s -> {
                stdio = Optional.of(s);
                BoundedOutput out = output("standard output", host.rawOut());
                yield new StdioBackend(
                        host.in(),
                        terminal.isTerminal(0),
                        out,
                        s.escape() ? Optional.of(monitor) : Optional.empty(),
                        quit);
            }
            case Chardev.ToFile(var path) -> {
                try {
                    OutputStream file = new FileOutputStream(path.toFile());
                    files.add(file);
                    yield new OutputBackend(output(path.toString(), file));
                } catch (IOException e) {
                    throw CommandException.usage("-chardev: " + e.getMessage());
                }
            }
            case Chardev.Socket(var address) -> sockets.console(address);
            case Chardev.Null _ ->
                    new OutputBackend(output("null", OutputStream.nullOutputStream()));
            case Chardev.Named(String id) -> throw new IllegalStateException(id);
        };
    }

    private BoundedOutput output(String name, OutputStream sink) {
        BoundedOutput output = new BoundedOutput(name, sink, BUFFER_BYTES, PATIENCE_NANOS);
        outputs.add(output);
        return output;
    }
}
