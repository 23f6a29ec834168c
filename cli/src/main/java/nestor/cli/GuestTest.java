package nestor.cli;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import nestor.cli.Ktap.Result;
import nestor.cli.terminal.Terminal;
import nestor.guest.ImageException;
import nestor.machine.ConfigException;
import nestor.machine.MachineOutcome;
import nestor.vmm.chardev.CharBackend;

/** Boots a preset's machine as one of its runs says, and gathers what the guest reports. */
final class GuestTest {
    private static final long DISK_BYTES = 8L << 20;
    static final String READ_DISK = "disk";
    static final String WRITTEN_DISK = "scratch";
    private static final String REPORT = "report";

    /** Where the virt board's memory begins. */
    private static final long VIRT_RAM = 0x4000_0000L;

    /** An address of the q35 board's memory far from the kernel and from the initial RAM disk. */
    private static final long Q35_HIDDEN = 0x1000_0000L;

    /**
     * Left out of the kernel's memory, so that the checks can see whether a refused DMA wrote to
     * it.
     */
    private static final long HIDDEN_BYTES = 1L << 20;

    private static final int MAX_COMMAND_LINE = 2000;

    /** A run of reboots may take so many times as long as another one. */
    private static final int REBOOTS_TAKE = 3;

    private static final Pattern STATUS = Pattern.compile("(.*)nestor: exec status=(\\d{1,3})");

    private final Host host;
    private final Terminal terminal;
    private final Preset preset;
    private final Settings user;
    private final OracleOptions oracle;
    private final int timeoutSeconds;
    private final long seed;
    private final ChaosOptions.Plan chaos;

    /**
     * @param user the machine as the user described it; never changed
     * @param timeoutSeconds for each run, but for those that boot again and again
     * @param seed of the disk's content
     * @param chaos how devices misbehave
     */
    GuestTest(
            Host host,
            Terminal terminal,
            Preset preset,
            Settings user,
            OracleOptions oracle,
            int timeoutSeconds,
            long seed,
            ChaosOptions.Plan chaos) {
        this.host = host;
        this.terminal = terminal;
        this.preset = preset;
        this.user = user;
        this.oracle = oracle;
        this.timeoutSeconds = timeoutSeconds;
        this.seed = seed;
        this.chaos = chaos;
    }

    /** Boots the guest to check itself, then checks what it says. */
    TestRun check(PresetRun run, TestReport report)
            throws CommandException, ConfigException, ImageException, IOException {
        try (Scratch scratch = new Scratch();
                KernelLog log = new KernelLog(this::echo)) {
            Path read = scratch.random("disk.img", DISK_BYTES, seed);
            Path written = scratch.zeros("scratch.img", DISK_BYTES);
            MachinePlan plan = plan(run, read, written);
            Guest guest = Guest.of(plan, host, terminal, checksCommandLine(plan, run));
            TestRun done = check(run, report, plan, guest, log, read, written);
            tell(done.ending(), limit(run));
            ended(done.exitCode(), done.ending(), log);
            return done;
        }
    }

    private TestRun check(
            PresetRun run,
            TestReport report,
            MachinePlan plan,
            Guest guest,
            KernelLog log,
            Path read,
            Path written)
            throws CommandException, ConfigException, IOException {
        VirtualMachine vm = virtualMachine(limit(run));
        MonitorCommands monitor = new MonitorCommands(vm::machine, vm::stop);
        try (GuestRequests requests = new GuestRequests(run.requests(), monitor::execute)) {
            GuestLines lines = new GuestLines(requests, report, host.out());
            AtomicReference<Evidence.Registers> registers =
                    new AtomicReference<>(Evidence.Registers.NONE);
            Optional<OracleWatch> watch =
                    Catalogue.needsOracle(run)
                            ? Optional.of(oracle.openAnyway(host.log(), run.name()))
                            : oracle.open(host.log(), run.name());
            vm.watch(watch);
            vm.onDeviceDeleted(requests::deleted);
            vm.onEnded(machine -> registers.set(Evidence.Registers.of(machine)));
            VirtualMachine.Ending ending =
                    boot(vm, plan, guest, log, new LineBackend(lines::accept));
            List<Result> results = lines.complete(run.checks());
            Evidence evidence =
                    new Evidence(
                            read,
                            written,
                            log.faults(),
                            ending.outcome(),
                            registers.get(),
                            requests,
                            lines.boots());
            String title =
                    guest.title() + ", preset " + preset.profile().name() + ", run " + run.name();
            List<Result> found = new ArrayList<>(HostChecks.run(preset, run, results, evidence));
            if (watch.isPresent()) {
                int number = found.size() + 1;
                found.add(
                        Catalogue.needsOracle(run)
                                ? watch.get().defect(number, Catalogue.breaks(run))
                                : watch.get().result(number));
            }
            return new TestRun(run.name(), title, results, found, ending);
        }
    }

    /** Boots the guest for one command; its status, or why there is none. */
    int execute(PresetRun run, String command)
            throws CommandException, ConfigException, ImageException, IOException {
        try (Scratch scratch = new Scratch();
                KernelLog log = new KernelLog(this::echo)) {
            MachinePlan plan =
                    plan(
                            run,
                            scratch.random("disk.img", DISK_BYTES, seed),
                            scratch.zeros("scratch.img", DISK_BYTES));
            String line = commandLine(plan, run, " nestor.exec=" + percentEncode(command));
            Guest guest = Guest.of(plan, host, terminal, line);
            int[] status = {-1};
            LineBackend lines =
                    new LineBackend(said -> {
                        Matcher end = STATUS.matcher(said);
                        if (end.matches()) {
                            status[0] = Integer.parseInt(end.group(2));
                            host.out().print(end.group(1));
                        } else {
                            host.out().print(said + "\n");
                        }
                        host.out().flush();
                    });
            VirtualMachine vm = virtualMachine(limit(run));
            Optional<OracleWatch> watch = oracle.open(host.log(), run.name());
            vm.watch(watch);
            VirtualMachine.Ending ending = boot(vm, plan, guest, log, lines);
            tell(ending, limit(run));
            host.log().detail(ending.toString());
            int code = ending.exitCode(ExitCode.TEST_TIMEOUT);
            if (code == ExitCode.OK) {
                code = status[0];
                if (code < 0) {
                    host.log().error("--exec: the guest ended without the command's status");
                    code = ExitCode.FAILED;
                }
            }
            if (watch.isPresent() && watch.get().finish().reports() > 0 && code == ExitCode.OK) {
                code = ExitCode.STALE;
            }
            ended(code, ending, log);
            return code;
        }
    }

    /** The user's machine with what the run needs on top. */
    private MachinePlan plan(PresetRun run, Path read, Path written) throws CommandException {
        Settings settings = new Settings();
        settings.override(user);
        settings.choose(preset);
        if (settings.get(Setting.KERNEL).isEmpty()
                && settings.get(Setting.KERNEL_RELEASE).isEmpty()) {
            run.kernelRelease()
                    .ifPresent(release -> settings.set(Setting.KERNEL_RELEASE, "--run", release));
        }
        if (settings.get(Setting.MACHINE).isEmpty()) {
            run.machine().ifPresent(machine -> settings.set(Setting.MACHINE, "--run", machine));
        }
        settings.set(Setting.NO_REBOOT, "-no-reboot", run.reboots() ? "off" : "on");
        for (String device : run.devices()) {
            settings.devices().add(OptionList.parse("--run", device, "driver"));
        }
        settings.addDisk(preset, READ_DISK, read, "on", run.diskProperties(READ_DISK));
        settings.addDisk(preset, WRITTEN_DISK, written, "off", run.diskProperties(WRITTEN_DISK));
        settings.addConsole(preset, REPORT);
        return MachinePlan.of(settings);
    }

    private Duration limit(PresetRun run) {
        return Duration.ofSeconds((long) timeoutSeconds * (run.reboots() ? REBOOTS_TAKE : 1));
    }

    private VirtualMachine virtualMachine(Duration limit) {
        VirtualMachine vm = new VirtualMachine(terminal, Optional.of(limit));
        vm.chaos(chaos);
        return vm;
    }

    private static VirtualMachine.Ending boot(
            VirtualMachine vm, MachinePlan plan, Guest guest, KernelLog log, LineBackend lines)
            throws CommandException, ConfigException, IOException {
        Map<String, CharBackend> backends = Map.of(Consoles.SERIAL, log.backend(), REPORT, lines);
        VirtualMachine.Ending ending = vm.run(plan.config(guest), backends, _ -> {});
        lines.finish();
        log.backend().finish();
        return ending;
    }

    private void tell(VirtualMachine.Ending ending, Duration limit) {
        if (ending.timedOut()) {
            host.log()
                    .error(
                            "--timeout: the guest was stopped after %d s"
                                    .formatted(limit.toSeconds()));
        }
        if (ending.panicked()) {
            host.log().error("the guest's kernel panicked");
        }
    }

    private void ended(int code, VirtualMachine.Ending ending, KernelLog log) {
        if (ending.outcome() instanceof MachineOutcome.HostFailed(String reason)) {
            host.log().error(reason);
        }
        if (ending.outcome() instanceof MachineOutcome.Failed(Throwable cause)) {
            new Failures(host.log()).internal(cause, "nestor test");
        }
        if (code != ExitCode.OK) {
            log.keep();
            host.log().error("the kernel's console is in " + log.file());
        }
    }

    private static String checksCommandLine(MachinePlan plan, PresetRun run)
            throws CommandException {
        return commandLine(
                plan, run, hiding(plan) + " nestor.checks=" + String.join(",", run.checks()));
    }

    /** From the end of memory, or where that is the initial RAM disk's, from the middle of it. */
    private static String hiding(MachinePlan plan) {
        if (plan.type().equals(Preset.Q35)) {
            return " memmap=%dK$0x%x nestor.edu-dma.area=0x%x"
                    .formatted(HIDDEN_BYTES >> 10, Q35_HIDDEN, Q35_HIDDEN);
        }
        long seen = plan.memoryBytes() - HIDDEN_BYTES;
        return " mem=%dK nestor.edu-dma.area=0x%x".formatted(seen >> 10, VIRT_RAM + seen);
    }

    private static String commandLine(MachinePlan plan, PresetRun run, String task)
            throws CommandException {
        StringBuilder line = new StringBuilder(Preset.consoleArguments(plan.type(), "panic=-1"));
        run.arguments().forEach(argument -> line.append(' ').append(argument));
        line.append(task);
        if (line.length() + plan.append().length() > MAX_COMMAND_LINE) {
            throw CommandException.usage(
                    "--exec: the command is too long for the kernel's command line");
        }
        return line.toString();
    }

    static String percentEncode(String command) {
        StringBuilder encoded = new StringBuilder();
        for (byte b : command.getBytes(StandardCharsets.UTF_8)) {
            char c = (char) (b & 0xff);
            if (c < 0x80 && (Character.isLetterOrDigit(c) || "_./:-".indexOf(c) >= 0)) {
                encoded.append(c);
            } else {
                encoded.append("%%%02X".formatted((int) c));
            }
        }
        return encoded.toString();
    }

    private void echo(String line) {
        if (host.log().level() == Log.Level.VERBOSE) {
            host.log().raw(line + "\n");
        }
    }
}
