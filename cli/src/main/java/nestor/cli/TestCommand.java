package nestor.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import nestor.cli.terminal.Terminal;
import nestor.guest.BareKit;
import nestor.guest.ImageException;
import nestor.machine.ConfigException;
import nestor.trace.Tracing;
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
            "Boot a guest, run its checks, and compare what it saw with what the host knows;"
                    + " once for each of the preset's runs.",
            "",
            "The report goes to standard output, a summary to standard error. The kernel's console is kept in a"
                    + " file when something fails, and shown with -v.",
            ""
        },
        optionListHeading = "%nOptions:%n",
        footerHeading = "%nExamples:%n",
        footer = {
            "  nestor test --preset none",
            "  nestor test --preset smmuv3 --run strict --run lazy",
            "  nestor test --kernel-release backports --format junit > result.xml",
            "  nestor test --suite bare --iommu smmuv3",
            "  nestor test --suite host",
            "  nestor test --catalogue help",
            "  nestor test --exec 'dmesg | grep -i iommu'",
            "",
            "Exit codes: 0 all passed, 1 a check failed, 2 usage, 3 the guest panicked, 124 time",
            "limit; with --exec the exit code of the command."
        })
final class TestCommand implements Callable<Integer> {
    private final Host host;

    @Mixin private MachineOptions options = new MachineOptions();
    @Mixin private OracleOptions oracle = new OracleOptions();

    @Option(
            names = "--timeout",
            paramLabel = "SECONDS",
            defaultValue = "600",
            description =
                    "Stop a run after this time, one of reboots after three times as long, with exit"
                            + " code 124. Default: ${DEFAULT-VALUE}.")
    private int timeoutSeconds;

    @Option(
            names = "--format",
            paramLabel = "FORMAT",
            defaultValue = "ktap",
            description = "Of the report: ktap, json or junit. Default: ${DEFAULT-VALUE}.")
    private String format = "ktap";

    @Option(
            names = "--suite",
            paramLabel = "NAME",
            description =
                    "Instead of a preset's guest: bare (our own, on the bare machine) or host (the"
                            + " host layer on the iommufd of a Linux in our virtual machine).")
    private @Nullable String suite;

    @Option(
            names = "--iommu",
            paramLabel = "NAME",
            description =
                    "Which IOMMU the suite is about: smmuv3, virtio-iommu, vtd (needs KVM)."
                            + " Default: the first.")
    private @Nullable String iommu;

    @Option(
            names = "--with",
            paramLabel = "PROGRAM",
            description =
                    "Boot the guest of --suite host with this instead of with Nestor: qemu. For a"
                            + " second opinion; without a function to assign.")
    private @Nullable String with;

    @Option(
            names = "--catalogue",
            paramLabel = "ID",
            description =
                    "Instead of a preset's runs: a published defect of Linux, on a kernel that has"
                            + " it and on one that does not; help lists them.")
    private @Nullable String catalogue;

    @Option(
            names = "--run",
            paramLabel = "NAME",
            description =
                    "Of the preset's runs only this one; may be given again. Default: all of them.")
    private List<String> runs = new ArrayList<>();

    @Option(names = "--list", description = "List the preset's runs and end.")
    private boolean list;

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

    @Mixin private ChaosOptions chaos = new ChaosOptions();
    @Mixin private TraceOptions trace = new TraceOptions();

    TestCommand(Host host) {
        this.host = host;
    }

    @Override
    public Integer call() throws CommandException, ConfigException, ImageException, IOException {
        Settings settings = options.settings();
        Optional<String> help = trace.help();
        if (help.isPresent()) {
            host.out().print(help.get());
            return ExitCode.OK;
        }
        try (Tracing _ = trace.open(host.log())) {
            return test(settings);
        }
    }

    private int test(Settings settings)
            throws CommandException, ConfigException, ImageException, IOException {
        oracle.check();
        if (settings.get(Setting.SERIAL).isPresent()) {
            throw CommandException.usage(
                    settings.origin(Setting.SERIAL)
                            + ": 'test' keeps the console in a file; use -v to see it");
        }
        if (with != null && !HostRun.NAME.equals(suite)) {
            throw CommandException.usage("--with: only with --suite host");
        }
        if (suite != null && oracle.given()) {
            throw CommandException.usage("--oracle: not with --suite");
        }
        if (suite != null || iommu != null) {
            return runSuite(settings);
        }
        if (catalogue != null) {
            return runCatalogue(catalogue, settings);
        }
        if (settings.get(Setting.PRESET).isEmpty()) {
            settings.set(Setting.PRESET, "--preset", "virtio-iommu");
        }
        Preset preset =
                Preset.of(settings.origin(Setting.PRESET), settings.text(Setting.PRESET, ""));
        return run(preset, preset.runs(), settings);
    }

    private int run(Preset preset, List<PresetRun> known, Settings settings)
            throws CommandException, ConfigException, ImageException, IOException {
        List<PresetRun> chosen =
                PresetRuns.choose(
                        known,
                        runs,
                        settings.get(Setting.KERNEL).isPresent(),
                        settings.get(Setting.KERNEL_RELEASE).map(Settings.Value::text));
        TestReport report = report();
        if (list) {
            host.out().print(PresetRuns.list(chosen));
            return ExitCode.OK;
        }
        long content = seed == null ? System.nanoTime() : seed;
        host.log().detail("--seed " + content);
        try (Terminal terminal = new Terminal()) {
            GuestTest test =
                    new GuestTest(
                            host,
                            terminal,
                            preset,
                            settings,
                            oracle,
                            timeoutSeconds,
                            content,
                            chaos.plan(host.log()));
            return exec == null
                    ? check(test, chosen, report)
                    : test.execute(chosen.getFirst(), exec);
        }
    }

    private int runCatalogue(String id, Settings settings)
            throws CommandException, ConfigException, ImageException, IOException {
        refuseGuest(settings, "--catalogue");
        if (exec != null) {
            throw CommandException.usage("--exec: --catalogue brings commands of its own");
        }
        if (id.equals("help")) {
            host.out().print(Catalogue.list());
            return ExitCode.OK;
        }
        Catalogue entry = Catalogue.of("--catalogue", id);
        Preset preset = new Preset(entry.profile());
        settings.set(Setting.PRESET, "--catalogue", entry.profile().name());
        return run(preset, entry.runs(), settings);
    }

    /** What brings a guest of its own takes none of the user's. */
    private static void refuseGuest(Settings settings, String what) throws CommandException {
        for (Setting setting :
                List.of(Setting.PRESET, Setting.KERNEL, Setting.INITRD, Setting.KERNEL_RELEASE)) {
            if (settings.get(setting).isPresent()) {
                throw CommandException.usage(
                        settings.origin(setting)
                                + ": %s brings a guest of its own".formatted(what));
            }
        }
    }

    private int runSuite(Settings settings)
            throws CommandException, ConfigException, ImageException, IOException {
        if (catalogue != null) {
            throw CommandException.usage("--catalogue: not with --suite");
        }
        if (suite == null || iommu != null && !BareSuite.NAME.equals(suite)) {
            throw CommandException.usage("--iommu: only with --suite bare");
        }
        if (!List.of(BareSuite.NAME, HostRun.NAME).contains(suite)) {
            throw CommandException.usage(
                    "--suite: unknown suite '%s'; known: bare, host".formatted(suite));
        }
        if (chaos.isGiven()) {
            throw CommandException.usage(
                    "--chaos: --suite %s has devices of its own".formatted(suite));
        }
        refuseGuest(settings, "--suite " + suite);
        if (exec != null) {
            throw CommandException.usage("--exec: --suite %s has no shell".formatted(suite));
        }
        if (HostRun.NAME.equals(suite)) {
            return runHostSuite(settings);
        }
        BareKit kit = BareSuite.kit(iommu == null ? BareKit.SMMUV3.iommu() : iommu);
        if (list) {
            BareSuite.runNames(kit).forEach(name -> host.out().print(name + "\n"));
            return ExitCode.OK;
        }
        long chosen = seed == null ? System.nanoTime() : seed;
        host.log().detail("--seed " + chosen);
        return new BareSuite(host, settings, report(), timeoutSeconds).run(kit, runs, chosen);
    }

    private int runHostSuite(Settings settings)
            throws CommandException, ConfigException, ImageException, IOException {
        if (!runs.isEmpty() && !runs.equals(List.of(HostRun.NAME))) {
            throw CommandException.usage("--run: --suite host has one run, host");
        }
        if (list) {
            host.out().print(HostRun.NAME + "\n");
            return ExitCode.OK;
        }
        return new HostRun(host, settings, report(), timeoutSeconds, secondOpinion()).run();
    }

    /** Where it cannot be had, nothing is tested, and nothing has failed. */
    private Optional<Path> secondOpinion() throws CommandException {
        if (with == null) {
            return Optional.empty();
        }
        if (!with.equals("qemu")) {
            throw CommandException.usage(
                    "--with: unknown program '%s'; known: qemu".formatted(with));
        }
        Optional<Path> program = Programs.find(host, QemuBoot.PROGRAM);
        if (program.isEmpty()) {
            throw new CommandException(
                    ExitCode.SKIPPED,
                    "--with qemu: no %s; install it with: apt-get install qemu-system-arm"
                            .formatted(QemuBoot.PROGRAM));
        }
        return program;
    }

    /** One run after the other; a signal ends them all. */
    private int check(GuestTest test, List<PresetRun> chosen, TestReport report)
            throws CommandException, ConfigException, ImageException, IOException {
        List<TestRun> done = new ArrayList<>();
        report.begin(host.out(), chosen.size());
        for (PresetRun run : chosen) {
            report.beginRun(host.out(), run.name());
            TestRun ended = test.check(run, report);
            done.add(ended);
            report.endRun(host.out(), done.size(), ended);
            host.log().info(ended.summary());
            if (ended.ending().signal().isPresent()) {
                break;
            }
        }
        report.end(host.out(), done);
        host.out().flush();
        return TestRun.exitCode(done);
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
}
