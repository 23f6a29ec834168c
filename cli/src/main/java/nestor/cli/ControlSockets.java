package nestor.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.Optional;
import nestor.control.ControlledMachine;
import nestor.control.ListenAddress;
import nestor.control.hmp.HmpCommands;
import nestor.control.qmp.QmpCommands;
import nestor.control.socket.HmpConversation;
import nestor.control.socket.Monitors;
import nestor.control.socket.QmpConversation;
import nestor.control.socket.SocketChardev;
import nestor.control.socket.SocketServer;
import nestor.control.web.WebView;
import nestor.vmm.chardev.CharBackend;
import org.jspecify.annotations.Nullable;

/**
 * The sockets of a run: monitors and consoles. There is no server before the first of them, and
 * none at all for who wants none.
 */
final class ControlSockets implements AutoCloseable {
    private final Log log;
    private @Nullable SocketServer server;
    private @Nullable Monitors monitors;
    private @Nullable WebView web;
    private boolean closed;

    ControlSockets(Log log) {
        this.log = log;
    }

    private synchronized SocketServer server() {
        SocketServer made = server;
        if (made == null) {
            made = new SocketServer();
            server = made;
        }
        return made;
    }

    /** A console on a socket. */
    CharBackend console(ListenAddress address) throws CommandException {
        try {
            return SocketChardev.listen(server(), address);
        } catch (IOException e) {
            throw CommandException.usage("-chardev: " + CommandException.reason(e));
        }
    }

    /** Opens the monitors that the user asked for. */
    void open(MachinePlan plan, ControlledMachine machine) throws CommandException {
        for (MonitorPlan monitor : plan.monitors()) {
            if (monitor.at() instanceof Chardev.Socket(ListenAddress address)) {
                try {
                    ListenAddress at = listen(machine, monitor.control(), address);
                    log.detail("%s at %s".formatted(monitor.control() ? "QMP" : "the monitor", at));
                } catch (IOException e) {
                    throw CommandException.usage(
                            "%s: %s"
                                    .formatted(
                                            monitor.control() ? "-qmp" : "-monitor",
                                            CommandException.reason(e)));
                }
            }
        }
    }

    /**
     * Opens the socket by which {@code nestor ctl} finds the machine, once it runs and in the
     * background: nobody waits for it, and a host that does not let us have it loses nothing else.
     */
    void openNamed(Optional<Path> socket, ControlledMachine machine) {
        socket.ifPresent(path ->
                Thread.ofPlatform()
                        .daemon()
                        .name("nestor-ctl-socket")
                        .start(() -> openNow(path, machine)));
    }

    private void openNow(Path path, ControlledMachine machine) {
        try {
            openQmp(new ListenAddress.Unix(path), machine);
        } catch (IOException e) {
            log.detail("nestor ctl will not find this machine: " + CommandException.reason(e));
        }
    }

    /** Opens one monitor for programs. */
    void openQmp(ListenAddress address, ControlledMachine machine) throws IOException {
        listen(machine, true, address);
    }

    /** Opens the web view and tells where it is. */
    void openWeb(Optional<ListenAddress.Loopback> at, ControlledMachine machine)
            throws CommandException {
        if (at.isPresent()) {
            try {
                WebView opened = WebView.open(server(), at.get(), machine);
                web = opened;
                log.info("web view: " + opened.url());
            } catch (IOException e) {
                throw CommandException.usage("--ui: " + CommandException.reason(e));
            }
        }
    }

    private synchronized ListenAddress listen(
            ControlledMachine machine, boolean control, ListenAddress address) throws IOException {
        if (closed) {
            throw new IOException("the machine has ended");
        }
        Monitors all = monitors;
        if (all == null) {
            all = new Monitors(server());
            monitors = all;
            machine.machine().control().listen(all::tell);
        }
        HmpCommands human = new HmpCommands(machine);
        QmpCommands commands = new QmpCommands(machine, human);
        return control
                ? all.listen(address, () -> new QmpConversation(commands, InstantSource.system()))
                : all.listen(address, () -> new HmpConversation(human));
    }

    @Override
    public synchronized void close() {
        closed = true;
        if (monitors != null) {
            monitors.close();
        }
        if (web != null) {
            web.close();
        }
        if (server != null) {
            server.close();
        }
    }
}
