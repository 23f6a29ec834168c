package nestor.cli;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import nestor.cli.Ktap.Outcome;
import nestor.cli.Ktap.Result;
import nestor.cli.terminal.Terminal;
import nestor.guest.ImageException;
import nestor.machine.ConfigException;
import nestor.machine.MachineOutcome;
import nestor.vmm.chardev.CharBackend;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code nestor test}: boots a guest, lets it check itself, and checks what it says. */
@Command(
        name = "test",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        abbreviateSynopsis = true,
        description = {
            "Boot a guest, run its checks, and compare what it saw with what the host knows.",
            "",
            "The report goes to standard output, a summary to standard error. The kernel's console is kept in a"
                    + " file when something fails, and shown with -v.",
            ""
        },
        optionListHeading = "%nOptions:%n",
        footerHeading = "%nExamples:%n",
        footer = {
            "  nestor test --preset none",
            "  nestor test --kernel-release backports --format junit > result.xml",
            "  nestor test --exec 'dmesg | grep -i iommu'",
            "",
            "Exit codes: 0 all passed, 1 a check failed, 2 usage, 3 the guest panicked, 124 time",
            "limit; with --exec the exit code of the command."
        })
final class TestCommand implements Callable<Integer> {
    private static final long DISK_BYTES = 16L << 20;
    private static final String READ_DISK = "disk";
    private static final String WRITTEN_DISK = "scratch";
    private static final String REPORT = "report";

    /** Where the virt board's memory begins. */
    private static final long RAM_BASE = 0x4000_0000L;

    /**
     * Left out of the kernel's memory, so that the checks can see whether a refused DMA wrote to
     * it.
     */
    private static final long HIDDEN_BYTES = 1L << 20;

    private static final int MAX_COMMAND_LINE = 2000;
    private static final Pattern STATUS = Pattern.compile("(.*)nestor: exec status=(\\d{1,3})");

    private final Host host;

    @Mixin private MachineOptions options = new MachineOptions();

    @Option(
            names = "--timeout",
            paramLabel = "SECONDS",
            defaultValue = "600",
            description = "Stop after this time, with exit code 124. Default: ${DEFAULT-VALUE}.")
    private int timeoutSeconds;

    @Option(
            names = "--format",
            paramLabel = "FORMAT",
            defaultValue = "ktap",
            description = "Of the report: ktap, json or junit. Default: ${DEFAULT-VALUE}.")
    private String format = "ktap";

    @Option(
            names = "--exec",
            paramLabel = "COMMAND",
            description = "Run this shell command in the guest instead of the checks.")
    private @Nullable String exec;

    @Option(
            names = "--seed",
            paramLabel = "N",
            description = "Of the disk's content; -v prints the one used.")
    private @Nullable Long seed;

    TestCommand(Host host) {
        this.host = host;
    }

    @Override
    public Integer call() throws CommandException, ConfigException, ImageException, IOException {
        Settings settings = options.settings();
        if (settings.get(Setting.SERIAL).isPresent()) {
            throw CommandException.usage(
                    settings.origin(Setting.SERIAL)
                            + ": 'test' keeps the console in a file; use -v to see it");
        }
        if (settings.get(Setting.PRESET).isEmpty()) {
            settings.set(Setting.PRESET, "--preset", "virtio-iommu");
        }
        settings.set(Setting.NO_REBOOT, "-no-reboot", "on");
        TestReport report = report();
        long content = seed == null ? System.nanoTime() : seed;
        host.log().detail("--seed " + content);
        try (Terminal terminal = new Terminal();
                Scratch scratch = new Scratch();
                KernelLog log = new KernelLog(this::echo)) {
            Path read = scratch.random("disk.img", DISK_BYTES, content);
            Path written = scratch.zeros("scratch.img", DISK_BYTES);
            Preset preset = MachinePlan.of(settings).preset().orElseThrow();
            settings.addDisk(preset, READ_DISK, read, "on");
            settings.addDisk(preset, WRITTEN_DISK, written, "off");
            settings.addConsole(preset, REPORT);
            MachinePlan plan = MachinePlan.of(settings);
            Guest guest = Guest.of(plan, host, terminal, commandLine(plan, preset));
            VirtualMachine vm =
                    new VirtualMachine(terminal, Optional.of(Duration.ofSeconds(timeoutSeconds)));
            int code =
                    exec == null
                            ? check(vm, plan, preset, guest, report, log, read, written)
                            : execute(vm, plan, guest, log);
            if (code != ExitCode.OK) {
                log.keep();
                host.log().error("the kernel's console is in " + log.file());
            }
            return code;
        }
    }

    private int check(
            VirtualMachine vm,
            MachinePlan plan,
            Preset preset,
            Guest guest,
            TestReport report,
            KernelLog log,
            Path read,
            Path written)
            throws ConfigException, IOException {
        Ktap ktap = new Ktap();
        LineBackend lines =
                new LineBackend(line -> {
                    ktap.accept(line);
                    report.guestLine(host.out(), line);
                });
        report.begin(host.out());
        VirtualMachine.Ending ending = run(vm, plan, guest, log, lines);
        List<Result> results = complete(ktap, preset);
        List<Result> found = HostChecks.run(preset, results, read, written, log, ending.outcome());
        String title = guest.title() + ", preset " + preset.profile().name();
        TestRun run = new TestRun(title, results, found, ending);
        report.end(host.out(), run);
        host.out().flush();
        tell(run.ending());
        host.log().info(run.summary());
        return internal(ending).orElse(run.exitCode());
    }

    private int execute(VirtualMachine vm, MachinePlan plan, Guest guest, KernelLog log)
            throws ConfigException, IOException {
        int[] status = {-1};
        LineBackend lines =
                new LineBackend(line -> {
                    Matcher end = STATUS.matcher(line);
                    if (end.matches()) {
                        status[0] = Integer.parseInt(end.group(2));
                        host.out().print(end.group(1));
                    } else {
                        host.out().print(line + "\n");
                    }
                    host.out().flush();
                });
        VirtualMachine.Ending ending = run(vm, plan, guest, log, lines);
        tell(ending);
        host.log().detail(ending.toString());
        int code = internal(ending).orElse(ending.exitCode(ExitCode.TEST_TIMEOUT));
        if (code == ExitCode.OK && status[0] < 0) {
            host.log().error("--exec: the guest ended without the command's status");
            return ExitCode.FAILED;
        }
        return code == ExitCode.OK ? status[0] : code;
    }

    private static VirtualMachine.Ending run(
            VirtualMachine vm, MachinePlan plan, Guest guest, KernelLog log, LineBackend lines)
            throws ConfigException, IOException {
        Map<String, CharBackend> backends = Map.of(Consoles.SERIAL, log.backend(), REPORT, lines);
        VirtualMachine.Ending ending = vm.run(plan.config(guest), backends, () -> {});
        lines.finish();
        log.backend().finish();
        return ending;
    }

    private void tell(VirtualMachine.Ending ending) {
        if (ending.timedOut()) {
            host.log()
                    .error("--timeout: the guest was stopped after %d s".formatted(timeoutSeconds));
        }
        if (ending.panicked()) {
            host.log().error("the guest's kernel panicked");
        }
    }

    private Optional<Integer> internal(VirtualMachine.Ending ending) {
        return ending.outcome() instanceof MachineOutcome.Failed(Throwable cause)
                ? Optional.of(new Failures(host.log()).internal(cause, "nestor test"))
                : Optional.empty();
    }

    /** What the guest reported, and as failed what it should have reported. */
    private static List<Result> complete(Ktap ktap, Preset preset) {
        List<Result> results = new ArrayList<>(ktap.results());
        for (String check : preset.profile().checks()) {
            if (results.stream().noneMatch(result -> result.name().equals(check))) {
                results.add(
                        new Result(
                                results.size() + 1,
                                check,
                                Outcome.FAILED,
                                "",
                                List.of("the guest did not report it")));
            }
        }
        return results;
    }

    private String commandLine(MachinePlan plan, Preset preset) throws CommandException {
        StringBuilder line = new StringBuilder("console=ttyAMA0 panic=-1");
        if (exec != null) {
            line.append(" nestor.exec=").append(percentEncode(exec));
        } else {
            long hidden = RAM_BASE + plan.memoryBytes() - HIDDEN_BYTES;
            line.append(" mem=").append((plan.memoryBytes() - HIDDEN_BYTES) >> 10).append('K');
            line.append(" nestor.edu-dma.area=0x").append(Long.toHexString(hidden));
            line.append(" nestor.checks=").append(String.join(",", preset.profile().checks()));
        }
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

    private TestReport report() throws CommandException {
        return switch (format) {
            case "ktap" -> TestReport.KTAP;
            case "json" -> TestReport.JSON;
            case "junit" -> TestReport.JUNIT;
            default ->
                    throw CommandException.usage(
                            "--format: unknown format '%s'; known: ktap, json, junit"
                                    .formatted(format));
        };
    }

    private void echo(String line) {
        if (host.log().level() == Log.Level.VERBOSE) {
            host.log().raw(line + "\n");
        }
    }
}
