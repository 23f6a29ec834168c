package nestor.cli;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicReference;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import nestor.cli.Ktap.Outcome;
import nestor.cli.Ktap.Result;
import nestor.cli.terminal.Terminal;
import nestor.guest.GuestProfile;
import nestor.guest.ImageException;
import nestor.guest.ImageStore;
import nestor.guest.Kernel;
import nestor.hostsuite.HostSuite;
import nestor.machine.ConfigException;
import nestor.machine.MachineOutcome;

/**
 * {@code nestor test --suite host}: Nestor inside Nestor. The lab kernel boots in our own virtual
 * machine, and there Java runs the host suite on that kernel's /dev/iommu.
 */
final class HostRun {
    /** What {@code --suite} calls it. */
    static final String NAME = "host";

    private static final String ORIGIN = "--suite";
    private static final String REPORT = "report";
    private static final String SCRIPT = "nestor/host-suite";

    /** What a kernel says of itself when something is wrong with it. */
    private static final Pattern COMPLAINT =
            Pattern.compile("(WARNING: |BUG: |Oops|Unable to handle |INFO: task ).*");

    private static final int MAX_COMPLAINTS = 20;

    private final Host host;
    private final Settings user;
    private final TestReport report;
    private final int timeoutSeconds;
    private final Optional<Path> qemu;

    /**
     * @param user the machine as the user described it; never changed
     * @param timeoutSeconds for the boot
     * @param qemu the program that boots it in our place, for a second opinion
     */
    HostRun(Host host, Settings user, TestReport report, int timeoutSeconds, Optional<Path> qemu) {
        this.qemu = qemu;
        this.host = host;
        this.user = user;
        this.report = report;
        this.timeoutSeconds = timeoutSeconds;
    }

    /** Boots the guest, and takes its report. */
    int run() throws CommandException, ConfigException, ImageException, IOException {
        try (Terminal terminal = new Terminal();
                Scratch scratch = new Scratch();
                KernelLog log = new KernelLog(this::echo)) {
            ImageStore store = ImageStore.open(new ProgressBar(host.log(), terminal));
            Kernel kernel = store.kernel(GuestProfile.HOST_SUITE.architecture(), ImageStore.LAB);
            Path initramfs = scratch.file("initramfs");
            store.javaInitramfs(kernel, GuestProfile.HOST_SUITE, files(), initramfs);
            report.begin(host.out(), 1);
            report.beginRun(host.out(), NAME);
            TestRun ended = boot(terminal, kernel, initramfs, log);
            report.endRun(host.out(), 1, ended);
            host.log().info(ended.summary());
            report.end(host.out(), List.of(ended));
            host.out().flush();
            if (!ended.passed()) {
                log.keep();
                host.log().error("the kernel's console is in " + log.file());
            }
            return TestRun.exitCode(List.of(ended));
        }
    }

    private static Map<String, byte[]> files() throws IOException {
        SuiteJar jar = SuiteJar.ofClassPath();
        Map<String, byte[]> files = new TreeMap<>();
        files.put("nestor/suite.jar", jar.bytes());
        files.put("nestor/native/libjffi-1.2.so", jar.nativeStub());
        try (InputStream script = HostRun.class.getResourceAsStream("host-suite.sh")) {
            if (script == null) {
                throw new IllegalStateException("the resource host-suite.sh is missing");
            }
            files.put(SCRIPT, script.readAllBytes());
        }
        return files;
    }

    private TestRun boot(Terminal terminal, Kernel kernel, Path initramfs, KernelLog log)
            throws CommandException, ConfigException, IOException {
        String append = "console=ttyAMA0 panic=-1 nokaslr nestor.exec=/" + SCRIPT;
        Guest guest =
                new Guest(
                        "Linux "
                                + kernel.release()
                                + ", host suite"
                                + (qemu.isPresent() ? ", in QEMU" : ""),
                        kernel.image(),
                        Optional.of(initramfs),
                        append);
        AtomicReference<Integer> status = new AtomicReference<>(-1);
        Ktap ktap = new Ktap();
        LineBackend lines =
                new LineBackend(line -> {
                    if (line.startsWith("nestor: exec status=")) {
                        status.set(line.endsWith("=0") ? 0 : 1);
                    } else {
                        ktap.accept(line);
                        report.guestLine(host.out(), line);
                    }
                });
        VirtualMachine.Ending ending;
        if (qemu.isPresent()) {
            ending = bootQemu(qemu.get(), guest, initramfs, log, lines);
        } else {
            VirtualMachine vm =
                    new VirtualMachine(terminal, Optional.of(Duration.ofSeconds(timeoutSeconds)));
            ending =
                    vm.run(
                            plan(kernel, initramfs).config(guest),
                            Map.of(Consoles.SERIAL, log.backend(), REPORT, lines),
                            _ -> {});
        }
        lines.finish();
        log.backend().finish();
        tell(ending);
        List<Result> judged = List.of(reported(ktap, status.get()), calm(log));
        return new TestRun(NAME, guest.title(), ktap.results(), judged, ending);
    }

    private VirtualMachine.Ending bootQemu(
            Path program, Guest guest, Path initramfs, KernelLog log, LineBackend lines)
            throws IOException {
        Path console = initramfs.resolveSibling("console");
        try {
            return new QemuBoot(program, guest, timeoutSeconds)
                    .run(console, line -> write(lines, line));
        } finally {
            try (Stream<String> said = Files.lines(console, StandardCharsets.ISO_8859_1)) {
                said.forEach(line -> write(log.backend(), line));
            }
        }
    }

    private static void write(LineBackend to, String line) {
        byte[] bytes = (line + "\n").getBytes(StandardCharsets.UTF_8);
        to.write(bytes, 0, bytes.length);
    }

    private MachinePlan plan(Kernel kernel, Path initramfs) throws CommandException {
        Settings settings = new Settings();
        settings.set(Setting.MACHINE, ORIGIN, "virt,gic-version=3,iommu=smmuv3");
        settings.set(Setting.MEMORY, ORIGIN, "1G");
        settings.addConsole(new Preset(GuestProfile.SMMUV3), REPORT);
        settings.devices().add(OptionList.parse(ORIGIN, "svm-demo,stall=on", "driver"));
        settings.override(user);
        settings.set(Setting.KERNEL, ORIGIN, kernel.image().toString());
        settings.set(Setting.INITRD, ORIGIN, initramfs.toString());
        settings.set(Setting.NO_REBOOT, ORIGIN, "on");
        return MachinePlan.of(settings);
    }

    /** A guest that ends early has not passed what it did not come to. */
    private Result reported(Ktap ktap, int status) {
        List<HostSuite.Case> assigned = qemu.isPresent() ? List.of() : HostSuite.assigned();
        List<String> missing =
                Stream.concat(HostSuite.cases().stream(), assigned.stream())
                        .map(HostSuite.Case::name)
                        .filter(name ->
                                ktap.results().stream()
                                        .noneMatch(result -> result.name().equals(name)))
                        .map(name -> "missing: " + name)
                        .toList();
        boolean complete = missing.isEmpty() && ktap.isComplete() && status == 0;
        return new Result(
                1,
                "the guest reported all checks of the suite",
                complete ? Outcome.PASSED : Outcome.FAILED,
                "",
                missing);
    }

    private static Result calm(KernelLog log) throws IOException {
        List<String> complaints = log.lines(COMPLAINT, MAX_COMPLAINTS);
        return new Result(
                2,
                "the kernel had nothing to complain about",
                complaints.isEmpty() ? Outcome.PASSED : Outcome.FAILED,
                "",
                complaints);
    }

    private void tell(VirtualMachine.Ending ending) {
        if (ending.timedOut()) {
            host.log()
                    .error("--timeout: the guest was stopped after %d s".formatted(timeoutSeconds));
        }
        if (ending.panicked()) {
            host.log().error("the guest's kernel panicked");
        }
        if (ending.outcome() instanceof MachineOutcome.HostFailed(String reason)) {
            host.log().error(reason);
        }
        if (ending.outcome() instanceof MachineOutcome.Failed(Throwable cause)) {
            new Failures(host.log()).internal(cause, "nestor test");
        }
    }

    private void echo(String line) {
        if (host.log().level() == Log.Level.VERBOSE) {
            host.log().raw(line + "\n");
        }
    }
}
