package nestor.cli;

import java.io.Closeable;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.function.UnaryOperator;
import nestor.debug.SocketSpec;
import nestor.debug.gdb.GdbServer;
import nestor.debug.qtest.QtestServer;
import nestor.machine.Accelerator;
import nestor.machine.ConfigException;
import nestor.machine.Machine;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The options of {@code nestor run} that let a debugger in, in QEMU's spelling. */
final class DebugOptions {
    private static final String NONE = "none";
    private static final String STDIO = "stdio";
    private static final String SHORTHAND = "tcp::1234";

    @Option(
            names = {"-S", "--freeze"},
            description = "Do not start the guest; a debugger or monitor lets it go.")
    private boolean freeze;

    @Option(
            names = {"-s"},
            description = "Shorthand for -gdb tcp::1234.")
    private boolean shorthand;

    @Option(
            names = {"-gdb", "--gdb"},
            paramLabel = "WHERE",
            description =
                    "Let GDB connect: tcp::PORT (of the loopback interface), tcp:HOST:PORT, unix:PATH or none.")
    private @Nullable String gdb;

    @Option(
            names = {"-qtest", "--qtest"},
            paramLabel = "WHERE",
            description = {
                "Drive the board by the qtest protocol: unix:PATH or tcp:HOST:PORT to connect to, with"
                        + " server=on[,wait=off] to listen on, or stdio. Implies -accel qtest."
            })
    private @Nullable String qtest;

    @Option(
            names = {"-qtest-log", "--qtest-log"},
            paramLabel = "FILE",
            description = "Write what goes over -qtest to a file; none by default.")
    private @Nullable String qtestLog;

    /** What follows from these options for the machine. */
    void imply(Settings settings) throws CommandException {
        if (!where().equals(NONE)
                && settings.text(Setting.ACCELERATOR, "").equals(Accelerator.KVM.title())) {
            throw CommandException.usage(
                    "%s: a debugger needs the software CPU; use -accel tcg".formatted(gdbOption()));
        }
        if (qtest == null) {
            return;
        }
        if (settings.get(Setting.ACCELERATOR).isEmpty()) {
            settings.set(Setting.ACCELERATOR, "-qtest", Accelerator.QTEST.title());
        }
        if (!settings.text(Setting.ACCELERATOR, "").equals(Accelerator.QTEST.title())) {
            throw CommandException.usage("-qtest: needs -accel qtest");
        }
        if (qtest.equals(STDIO) && settings.text(Setting.SERIAL, "").contains(STDIO)) {
            throw CommandException.usage(
                    "-qtest: standard input and output can serve only one; give -serial null");
        }
    }

    /** Opens what was asked for; what is returned closes it. */
    Closeable attach(Host host, Machine machine, UnaryOperator<String> monitor)
            throws ConfigException, IOException {
        Closeable debugger = debugger(machine, monitor);
        if (qtest == null) {
            return debugger;
        }
        QtestServer server;
        try {
            PrintStream log = log(qtestLog == null ? NONE : qtestLog);
            server =
                    qtest.equals(STDIO)
                            ? QtestServer.on(host.in(), host.rawOut(), machine, log)
                            : QtestServer.on(
                                    SocketSpec.parse("-qtest", qtest, false), machine, log);
        } catch (IOException e) {
            debugger.close();
            throw new ConfigException("-qtest: %s: %s".formatted(qtest, e.getMessage()));
        }
        server.start();
        return () -> {
            server.close();
            debugger.close();
        };
    }

    private static PrintStream log(String file) throws IOException {
        OutputStream out =
                file.equals(NONE) ? OutputStream.nullOutputStream() : new FileOutputStream(file);
        return new PrintStream(out, true, StandardCharsets.UTF_8);
    }

    private String where() {
        return gdb != null ? gdb : shorthand ? SHORTHAND : NONE;
    }

    private String gdbOption() {
        return gdb != null ? "-gdb" : "-s";
    }

    private Closeable debugger(Machine machine, UnaryOperator<String> monitor)
            throws ConfigException, IOException {
        if (freeze) {
            machine.control().startStopped();
        }
        String where = where();
        if (where.equals(NONE)) {
            return () -> {};
        }
        String option = gdbOption();
        SocketSpec spec = SocketSpec.parse(option, where, true);
        if (!spec.server() || spec.waits()) {
            throw new ConfigException(
                    "%s: GDB connects to Nestor, which does not wait for it: server=on,wait=off"
                            .formatted(option));
        }
        try {
            return GdbServer.open(spec, machine.control(), monitor);
        } catch (IOException e) {
            throw new ConfigException("%s: %s: %s".formatted(option, where, e.getMessage()));
        }
    }
}
