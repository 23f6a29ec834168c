package nestor.cli;

import java.io.Closeable;
import java.io.IOException;
import java.util.function.UnaryOperator;
import nestor.debug.SocketSpec;
import nestor.debug.gdb.GdbServer;
import nestor.machine.Accelerator;
import nestor.machine.ConfigException;
import nestor.machine.Machine;
import nestor.machine.MachineConfig;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The options of {@code nestor run} that let a debugger in, in QEMU's spelling. */
final class DebugOptions {
    private static final String NONE = "none";
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

    /** Opens what was asked for; what is returned closes it. */
    Closeable attach(Machine machine, MachineConfig config, UnaryOperator<String> monitor)
            throws ConfigException, IOException {
        if (freeze) {
            machine.control().startStopped();
        }
        String where = gdb != null ? gdb : shorthand ? SHORTHAND : NONE;
        if (where.equals(NONE)) {
            return () -> {};
        }
        String option = gdb != null ? "-gdb" : "-s";
        if (config.accelerator() == Accelerator.KVM) {
            throw new ConfigException(
                    "%s: a debugger needs the software CPU; use -accel tcg".formatted(option));
        }
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
