package nestor.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import nestor.cli.Ktap.Outcome;
import nestor.cli.Ktap.Result;
import nestor.cli.terminal.Terminal;
import nestor.guest.BareKit;
import nestor.guest.ImageException;
import nestor.guest.ImageStore;
import nestor.machine.Accelerator;
import nestor.machine.ConfigException;
import nestor.machine.MachineOutcome;

/**
 * {@code nestor test --suite bare}: boots the bare-metal kit, once for each way the IOMMU can be
 * built, and takes the report from its serial port.
 */
final class BareSuite {
    /** What {@code --suite} calls it. */
    static final String NAME = "bare";

    private static final String ORIGIN = "--suite";
    private static final List<String> ENDPOINTS = List.of("iommu-testdev", "iommu-testdev");
    private static final String REGIONS =
            "reserved-regions.0=8000000:80fffff:1,reserved-regions.1=9000000:900ffff:0";
    private static final List<String> TABLE_USERS = List.of("smmu-test-engine", "svm-demo");
    private static final List<String> STALLING =
            List.of("smmu-test-engine,stall=on", "smmu-test-engine,stall=on");

    /**
     * One boot.
     *
     * @param device the IOMMU, as {@code -device} spells it
     * @param more endpoints than every run has
     * @param arguments what the kit is told
     */
    record Run(String name, String device, List<String> more, String arguments) {
        Run(String name, String device) {
            this(name, device, List.of(), "");
        }

        List<String> devices() {
            return Stream.of(List.of(device), ENDPOINTS, more).flatMap(List::stream).toList();
        }
    }

    private final Host host;
    private final Settings user;
    private final TestReport report;
    private final int timeoutSeconds;

    /**
     * @param user the machine as the user described it; never changed
     * @param timeoutSeconds for each boot
     */
    BareSuite(Host host, Settings user, TestReport report, int timeoutSeconds) {
        this.host = host;
        this.user = user;
        this.report = report;
        this.timeoutSeconds = timeoutSeconds;
    }

    /** The suite of an IOMMU. */
    static BareKit kit(String iommu) throws CommandException {
        return BareKit.values().stream()
                .filter(kit -> kit.iommu().equals(iommu))
                .findFirst()
                .orElseThrow(() ->
                        CommandException.usage(
                                "--iommu: --suite bare has no '%s'; known: %s"
                                        .formatted(
                                                iommu,
                                                BareKit.values().stream()
                                                        .map(BareKit::iommu)
                                                        .collect(Collectors.joining(", ")))));
    }

    /** The runs of a suite, in order. */
    private static List<Run> runs(BareKit kit, long seed) {
        if (kit.equals(BareKit.SMMUV3)) {
            return smmuv3Runs(seed);
        }
        if (kit.equals(BareKit.VIRTIO_IOMMU)) {
            return virtioIommuRuns();
        }
        if (kit.equals(BareKit.VTD)) {
            return VtdRuns.ALL;
        }
        throw new IllegalStateException("no runs of " + kit.iommu());
    }

    private static List<Run> smmuv3Runs(long seed) {
        return List.of(
                new Run("whole", "arm-smmuv3", STALLING, ""),
                new Run(
                        "torn",
                        "arm-smmuv3,fetch=torn:" + (seed & Integer.MAX_VALUE),
                        STALLING,
                        ""),
                new Run(
                        "lean",
                        "arm-smmuv3,stall=off,ril=off,sev=off,httu=0,atc-timeout=1000",
                        List.of(),
                        "atc-timeout"),
                new Run("no-ats", "arm-smmuv3,ats=off,pri=off,httu=1"),
                new Run("narrow", "arm-smmuv3,ssidsize=0,oas=40,split-ats=off"),
                new Run("stage1", "arm-smmuv3,stage=1"),
                new Run("stage2", "arm-smmuv3,stage=2"));
    }

    private static List<Run> virtioIommuRuns() {
        return List.of(
                virtioIommu("nestor", "table-profile=nestor," + REGIONS, "nestor regions"),
                virtioIommu("rfc2021", "table-profile=rfc2021", "rfc2021"),
                virtioIommu("rfc2023", "table-profile=rfc2023", "rfc2023"),
                virtioIommu("hw", "table-profile=hw", "hw"),
                virtioIommu("none", "table-profile=none," + REGIONS, "none regions"),
                virtioIommu("unbypassed", "boot-bypass=off", "none unbypassed"),
                virtioIommu("narrow", "aw-bits=39,granule=64k", "none narrow"));
    }

    private static Run virtioIommu(String name, String properties, String arguments) {
        return new Run(name, "virtio-iommu-pci," + properties, TABLE_USERS, arguments);
    }

    static List<String> runNames(BareKit kit) {
        return runs(kit, 0).stream().map(Run::name).toList();
    }

    /**
     * Runs a suite.
     *
     * @param chosen names of its runs; empty for all of them
     * @param seed of what is random in the machines
     */
    int run(BareKit kit, List<String> chosen, long seed)
            throws CommandException, ConfigException, ImageException, IOException {
        for (String name : chosen) {
            if (!runNames(kit).contains(name)) {
                throw CommandException.usage(
                        "--run: --suite bare has no run '%s'; known: %s"
                                .formatted(name, String.join(", ", runNames(kit))));
            }
        }
        List<Run> wanted =
                runs(kit, seed).stream()
                        .filter(run -> chosen.isEmpty() || chosen.contains(run.name()))
                        .toList();
        refuseWithoutAccelerator(kit);
        List<TestRun> done = new ArrayList<>();
        try (Terminal terminal = new Terminal()) {
            Path image = ImageStore.open(new ProgressBar(host.log(), terminal)).bareSuite(kit);
            report.begin(host.out(), wanted.size());
            for (Run run : wanted) {
                report.beginRun(host.out(), run.name());
                TestRun ended = boot(terminal, kit, image, run);
                done.add(ended);
                report.endRun(host.out(), done.size(), ended);
                host.log().info(ended.summary());
                if (ended.ending().signal().isPresent()) {
                    break;
                }
            }
        }
        report.end(host.out(), done);
        host.out().flush();
        return TestRun.exitCode(done);
    }

    private TestRun boot(Terminal terminal, BareKit kit, Path image, Run run)
            throws CommandException, ConfigException, IOException {
        MachinePlan plan = plan(kit, image, run);
        Guest guest =
                new Guest("bare metal, " + run.device(), image, Optional.empty(), run.arguments());
        VirtualMachine vm =
                new VirtualMachine(terminal, Optional.of(Duration.ofSeconds(timeoutSeconds)));
        Ktap ktap = new Ktap();
        LineBackend lines =
                new LineBackend(line -> {
                    ktap.accept(line);
                    report.guestLine(host.out(), line);
                });
        VirtualMachine.Ending ending =
                vm.run(plan.config(guest), Map.of(Consoles.SERIAL, lines), _ -> {});
        lines.finish();
        if (ending.timedOut()) {
            host.log()
                    .error("--timeout: the guest was stopped after %d s".formatted(timeoutSeconds));
        }
        if (ending.outcome() instanceof MachineOutcome.HostFailed(String reason)) {
            host.log().error(reason);
        }
        if (ending.outcome() instanceof MachineOutcome.Failed(Throwable cause)) {
            new Failures(host.log()).internal(cause, "nestor test");
        }
        return new TestRun(run.name(), guest.title(), ktap.results(), judged(ktap), ending);
    }

    private static Settings machine(BareKit kit) {
        Settings settings = new Settings();
        if (kit.equals(BareKit.VTD)) {
            settings.set(Setting.MACHINE, ORIGIN, "q35");
            settings.set(Setting.ACCELERATOR, ORIGIN, Accelerator.KVM.title());
            settings.set(Setting.MEMORY, ORIGIN, "1G");
        } else {
            settings.set(Setting.MEMORY, ORIGIN, "256M");
        }
        return settings;
    }

    /** Where the kit's CPU cannot be had, nothing is tested, and nothing has failed. */
    private void refuseWithoutAccelerator(BareKit kit) throws CommandException {
        Settings settings = machine(kit);
        settings.override(user);
        String accelerator = settings.text(Setting.ACCELERATOR, Accelerator.TCG.title());
        Optional<String> missing = Accelerator.titled(accelerator).flatMap(Accelerator::missing);
        if (missing.isPresent()) {
            throw new CommandException(
                    ExitCode.SKIPPED,
                    "--suite bare --iommu %s: no -accel %s here: %s; -accel tcg needs none"
                            .formatted(kit.iommu(), accelerator, missing.get()));
        }
    }

    /** The kit's machine; what the user says is laid over it. */
    private MachinePlan plan(BareKit kit, Path image, Run run) throws CommandException {
        Settings settings = machine(kit);
        for (String device : run.devices()) {
            settings.devices().add(OptionList.parse(ORIGIN, device, "driver"));
        }
        settings.override(user);
        settings.set(Setting.KERNEL, ORIGIN, image.toString());
        settings.set(Setting.NO_REBOOT, ORIGIN, "on");
        return MachinePlan.of(settings);
    }

    /** A guest that ends early has not passed what it did not come to. */
    private static List<Result> judged(Ktap ktap) {
        boolean complete = ktap.isComplete() && !ktap.results().isEmpty();
        List<String> why =
                complete ? List.of() : List.of("%d results came".formatted(ktap.results().size()));
        return List.of(
                new Result(
                        1,
                        "the guest reported all its checks",
                        complete ? Outcome.PASSED : Outcome.FAILED,
                        "",
                        why));
    }
}
