package nestor.cli;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.Callable;
import nestor.cli.terminal.Monitor;
import nestor.cli.terminal.Terminal;
import nestor.control.ControlledMachine;
import nestor.control.ListenAddress;
import nestor.guest.ImageException;
import nestor.machine.Accelerator;
import nestor.machine.ConfigException;
import nestor.machine.MachineConfig;
import nestor.machine.MachineOutcome;
import nestor.trace.Tracing;
import nestor.vmm.chardev.CharBackend;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code nestor run}: a machine with its console on this terminal. */
@Command(
        name = "run",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        abbreviateSynopsis = true,
        description = {
            "Run a virtual machine with its console on this terminal.",
            "",
            "Without -kernel and -device it is the machine of '--preset virtio-iommu' with Debian's kernel, fetched"
                    + " on first use, a scratch disk and a shell.",
            ""
        },
        optionListHeading = "%nOptions:%n",
        footerHeading = "%nKeys:%n",
        footer = {
            "  Ctrl-A x       stop the virtual machine",
            "  Ctrl-A c       switch between console and monitor",
            "  Ctrl-A h       help",
            "  Ctrl-A Ctrl-A  send Ctrl-A",
            "",
            "Examples:",
            "  nestor run --preset none -append quiet",
            "  nestor run -c lab.yaml -m 1G",
            "  nestor run -kernel Image -initrd rd.gz -append console=ttyAMA0",
            "",
            "End of standard input leaves the guest running. A reader of standard output",
            "that stays away for more than 5 s loses output; if it is gone, the guest runs",
            "on. Exit codes: see 'nestor --help'."
        })
final class RunCommand implements Callable<Integer> {
    private static final int SIGTERM = 15;
    private static final long SCRATCH_DISK_BYTES = 64L << 20;

    private final Host host;

    @Mixin private MachineOptions options = new MachineOptions();
    @Mixin private DebugOptions debug = new DebugOptions();
    @Mixin private TraceOptions trace = new TraceOptions();
    @Mixin private ChaosOptions chaos = new ChaosOptions();
    @Mixin private OracleOptions oracle = new OracleOptions();

    @Option(
            names = "--timeout",
            paramLabel = "SECONDS",
            description = "Stop after this time, with exit code 5.")
    private @Nullable Integer timeoutSeconds;

    @Option(
            names = {"-ui", "--ui"},
            paramLabel = "[127.0.0.1:]PORT",
            arity = "0..1",
            fallbackValue = "",
            description =
                    "A web view of the machine for a browser of this host, at any free port by default; its URL is"
                            + " printed (docs/web-view.md).")
    private @Nullable String ui;

    RunCommand(Host host) {
        this.host = host;
    }

    @Override
    public Integer call() throws CommandException, ConfigException, ImageException, IOException {
        Settings settings = options.settings();
        debug.imply(settings);
        oracle.check();
        Optional<String> help =
                trace.help().isPresent() ? trace.help() : OptionHelp.answer(settings);
        if (help.isPresent()) {
            host.out().print(help.get());
            return ExitCode.OK;
        }
        Optional<ListenAddress.Loopback> web =
                ui == null ? Optional.empty() : Optional.of(ListenAddresses.port("--ui", ui));
        try (Terminal terminal = new Terminal();
                Scratch scratch = new Scratch()) {
            MachinePlan plan = MachinePlan.of(settings);
            if (plan.preset().isPresent()) {
                settings.choose(plan.preset().get());
                settings.addDisk(
                        plan.preset().get(),
                        "scratch",
                        scratch.zeros("scratch.img", SCRATCH_DISK_BYTES),
                        "off",
                        "");
                plan = MachinePlan.of(settings);
            }
            Guest guest = Guest.of(plan, host, terminal, Preset.consoleArguments(plan.type(), ""));
            return run(terminal, plan, plan.config(guest), web);
        }
    }

    private static List<ControlledMachine.Chardev> chardevs(MachinePlan plan) {
        List<ControlledMachine.Chardev> chardevs = new ArrayList<>();
        chardevs.add(new ControlledMachine.Chardev(Consoles.SERIAL, plan.serial().filename()));
        plan.chardevs()
                .forEach((id, chardev) ->
                        chardevs.add(new ControlledMachine.Chardev(id, chardev.filename())));
        return chardevs;
    }

    private int run(
            Terminal terminal,
            MachinePlan plan,
            MachineConfig config,
            Optional<ListenAddress.Loopback> web)
            throws CommandException, ConfigException, IOException {
        VirtualMachine vm =
                new VirtualMachine(
                        terminal, Optional.ofNullable(timeoutSeconds).map(Duration::ofSeconds));
        MonitorCommands commands = new MonitorCommands(vm::machine, vm::stop);
        Monitor monitor = new Monitor(commands::execute);
        vm.attach(machine -> debug.attach(host, machine, commands::execute));
        vm.chaos(chaos.plan(host.log()));
        vm.onDeviceDeleted(id -> host.log().info("DEVICE_DELETED " + id));
        Optional<OracleWatch> watch = oracle.open(host.log(), "");
        vm.watch(watch);
        VirtualMachine.Ending ending;
        String name = plan.name().isEmpty() ? "p" + ProcessHandle.current().pid() : plan.name();
        vm.describe(plan.name(), chardevs(plan));
        try (Tracing tracing = trace.open(host.log());
                ControlSockets sockets = new ControlSockets(host.log());
                Consoles consoles = new Consoles(host, terminal, monitor, sockets, vm::stop)) {
            Map<String, CharBackend> backends = consoles.open(plan);
            vm.onStop(consoles::hurry);
            vm.trace(tracing);
            ending =
                    vm.run(
                            config,
                            backends,
                            machine -> {
                                sockets.open(plan, machine);
                                sockets.openWeb(web, machine);
                                consoles.start();
                                sockets.openNamed(new RuntimeFolder().socket(name), machine);
                            });
        }
        if (ending.outcome() instanceof MachineOutcome.HostFailed(String reason)) {
            host.log().error(reason);
        }
        if (ending.outcome() instanceof MachineOutcome.Failed(Throwable cause)) {
            return new Failures(host.log()).internal(cause, "nestor run");
        }
        host.log().detail(ending.toString());
        if (ending.timedOut()) {
            host.log()
                    .error("--timeout: the guest was stopped after %d s".formatted(timeoutSeconds));
        }
        boolean driven = config.accelerator() == Accelerator.QTEST;
        int code =
                driven && ending.signal().equals(OptionalInt.of(SIGTERM))
                        ? ExitCode.OK // how a test program ends its board
                        : ending.exitCode(ExitCode.TIMEOUT);
        boolean stale = watch.isPresent() && watch.get().finish().reports() > 0;
        return stale && code == ExitCode.OK ? ExitCode.STALE : code;
    }
}
