package nestor.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import nestor.cli.terminal.Terminal;
import nestor.guest.GuestProfile;
import nestor.guest.ImageException;
import nestor.guest.ImageStore;
import nestor.guest.Kernel;
import nestor.machine.ConfigException;
import nestor.machine.Machine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code nestor bench}: the same guest under Nestor and under QEMU, turn by turn. */
@Command(
        name = "bench",
        mixinStandardHelpOptions = true,
        description = "Measure against another machine monitor; prints a Markdown table.")
final class BenchCommand {
    private static final String MARKER = "nestor: guest up";
    private static final long DISK_BYTES = 256L << 20;

    private final Host host;

    /** What both benchmarks share. */
    static final class Options {
        @Option(
                names = "--against",
                paramLabel = "WHAT",
                defaultValue = "qemu",
                description = "The opponent: qemu, by software translation (TCG).")
        private String against = "qemu";

        @Option(
                names = "--runs",
                paramLabel = "N",
                defaultValue = "5",
                description = "Runs of each, taken in turns. Default: ${DEFAULT-VALUE}.")
        private int runs;

        @Option(
                names = {"-append", "--append"},
                paramLabel = "TEXT",
                defaultValue = "",
                description = "Added to the kernel's command line.")
        private String append = "";

        @Option(
                names = "--kernel-release",
                paramLabel = "RELEASE",
                defaultValue = "stable",
                description = "Which Debian kernel. Default: ${DEFAULT-VALUE}.")
        private String release = "stable";

        @Option(
                names = "--preset",
                paramLabel = "NAME",
                defaultValue = "virtio-iommu",
                description = "Which machine. Default: ${DEFAULT-VALUE}.")
        private String preset = "virtio-iommu";

        @Option(
                names = "--qemu-cpu",
                paramLabel = "MODEL",
                defaultValue = "max",
                description = "QEMU's CPU model. Default: ${DEFAULT-VALUE}.")
        private String qemuCpu = "max";
    }

    BenchCommand(Host host) {
        this.host = host;
    }

    @Command(
            name = "boot",
            mixinStandardHelpOptions = true,
            sortOptions = false,
            abbreviateSynopsis = true,
            description =
                    "Wall time from the start of the program to the guest's first process, and to power-off.")
    int boot(@Mixin Options options)
            throws CommandException, ConfigException, ImageException, IOException {
        Path qemu = opponent(options);
        try (Scratch scratch = new Scratch()) {
            List<String> guest =
                    guest(
                            options,
                            scratch,
                            scratch.zeros("disk.img", DISK_BYTES),
                            "nestor.exec=true");
            Duel duel = duel(options, qemu, guest);
            host.out().print(BenchTable.boot(duel.fight(options.runs), title(options)));
            return ExitCode.OK;
        }
    }

    @Command(
            name = "disk",
            mixinStandardHelpOptions = true,
            sortOptions = false,
            abbreviateSynopsis = true,
            description = "Reads of 4 KiB and 1 MiB past the guest's page cache.")
    int disk(@Mixin Options options)
            throws CommandException, ConfigException, ImageException, IOException {
        Path qemu = opponent(options);
        try (Scratch scratch = new Scratch()) {
            List<String> guest =
                    guest(
                            options,
                            scratch,
                            scratch.random("disk.img", DISK_BYTES, 1),
                            "nestor.checks=iobench");
            Duel duel = duel(options, qemu, guest);
            host.out().print(BenchTable.disk(duel.fight(options.runs), title(options)));
            return ExitCode.OK;
        }
    }

    /** Judges the options before anything is fetched for the guest. */
    private Path opponent(Options options) throws CommandException {
        if (!options.against.equals("qemu")) {
            throw CommandException.usage(
                    "--against: unknown opponent '%s'; known: qemu".formatted(options.against));
        }
        if (options.runs < 1) {
            throw CommandException.usage("--runs: give at least 1");
        }
        boolean x86 = Preset.of("--preset", options.preset).board().equals(Preset.Q35);
        String program = x86 ? "qemu-system-x86_64" : "qemu-system-aarch64";
        Optional<Path> qemu = Programs.find(host, program);
        if (qemu.isEmpty()) {
            throw new CommandException(
                    ExitCode.SKIPPED,
                    "skipped: no %s; install it with: apt-get install qemu-system-%s"
                            .formatted(program, x86 ? "x86" : "arm"));
        }
        return qemu.get();
    }

    private Duel duel(Options options, Path qemu, List<String> guest) throws CommandException {
        String launcher = System.getProperty("nestor.launcher", "");
        if (launcher.isEmpty()) {
            throw CommandException.failed("bench must be started by ./nestor");
        }
        List<String> nestor = new ArrayList<>(List.of(launcher, "run", "-v"));
        nestor.addAll(guest);
        List<String> opponent =
                new ArrayList<>(
                        List.of(
                                qemu.toString(),
                                "-accel",
                                "tcg",
                                "-cpu",
                                options.qemuCpu,
                                "-nic",
                                "none"));
        opponent.addAll(guest);
        return new Duel(host.log(), nestor, opponent, MARKER);
    }

    private List<String> guest(Options options, Scratch scratch, Path disk, String task)
            throws CommandException, ConfigException, ImageException, IOException {
        Preset preset = Preset.of("--preset", options.preset);
        try (Terminal terminal = new Terminal()) {
            ImageStore store = ImageStore.open(new ProgressBar(host.log(), terminal));
            GuestProfile profile = preset.profile();
            Kernel kernel = store.kernel(profile.architecture(), options.release);
            List<String> words =
                    new ArrayList<>(
                            List.of(
                                    "-M",
                                    preset.machine(),
                                    "-m",
                                    "512",
                                    "-smp",
                                    "1",
                                    "-nographic",
                                    "-no-reboot",
                                    "-kernel",
                                    image(preset, kernel, scratch).toString(),
                                    "-initrd",
                                    store.initramfs(kernel, profile).toString(),
                                    "-append",
                                    Preset.consoleArguments(
                                            preset.board(), task + " " + options.append)));
            if (preset.hasVirtioIommu()) {
                words.addAll(List.of("-device", "virtio-iommu-pci"));
            } else if (preset.board().equals(Preset.Q35)) {
                words.addAll(List.of("-device", "intel-iommu,intremap=on"));
            }
            words.addAll(
                    List.of(
                            "-drive",
                            "file="
                                    + OptionList.escape(disk.toString())
                                    + ",format=raw,if=none,id=disk,readonly=on",
                            "-device",
                            preset.disk("disk")));
            return words;
        }
    }

    /** Both enter an x86-64 kernel by PVH: a bzImage's is inflated before the first run. */
    private static Path image(Preset preset, Kernel kernel, Scratch scratch)
            throws ConfigException, IOException {
        return preset.board().equals(Preset.Q35)
                ? scratch.file("vmlinux", Machine.pvhKernel(kernel.image()))
                : kernel.image();
    }

    private static String title(Options options) {
        return "kernel %s, preset %s, `-append '%s'`, QEMU `-cpu %s`, %d runs in turns"
                .formatted(
                        options.release,
                        options.preset,
                        options.append,
                        options.qemuCpu,
                        options.runs);
    }
}
