package nestor.cli;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.OptionalInt;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import nestor.machine.MachineOutcome;

/**
 * The host suite's guest in QEMU's software CPU, for a second opinion: with a virtio console for
 * the report, behind QEMU's SMMUv3, and without a function to assign.
 */
final class QemuBoot {
    /** What it runs. */
    static final String PROGRAM = "qemu-system-aarch64";

    private final Path program;
    private final Guest guest;
    private final int timeoutSeconds;

    QemuBoot(Path program, Guest guest, int timeoutSeconds) {
        this.program = program;
        this.guest = guest;
        this.timeoutSeconds = timeoutSeconds;
    }

    /**
     * Runs it until it ends.
     *
     * @param console where the kernel's console is kept
     * @param report takes each line of the report
     */
    VirtualMachine.Ending run(Path console, Consumer<String> report) throws IOException {
        long began = System.nanoTime();
        Process process =
                new ProcessBuilder(command(console))
                        .redirectInput(ProcessBuilder.Redirect.from(new java.io.File("/dev/null")))
                        .redirectError(ProcessBuilder.Redirect.INHERIT)
                        .start();
        boolean ended = false;
        try {
            Thread deadline = Thread.ofPlatform().daemon().start(() -> expire(process));
            try (BufferedReader lines = process.inputReader(StandardCharsets.UTF_8)) {
                lines.lines().map(String::stripTrailing).forEach(report);
            }
            ended = process.waitFor() == 0;
            deadline.interrupt();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            process.destroyForcibly();
        }
        Duration duration = Duration.ofNanos(System.nanoTime() - began);
        boolean timedOut = !ended && duration.toSeconds() >= timeoutSeconds;
        MachineOutcome outcome =
                ended || timedOut
                        ? new MachineOutcome.PoweredOff()
                        : new MachineOutcome.HostFailed(PROGRAM + " failed");
        return new VirtualMachine.Ending(
                outcome, false, timedOut, OptionalInt.empty(), 0, duration);
    }

    private void expire(Process process) {
        try {
            if (!process.waitFor(timeoutSeconds, TimeUnit.SECONDS)) {
                process.destroyForcibly();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private List<String> command(Path console) {
        return List.of(
                program.toString(),
                "-M",
                "virt,gic-version=3,iommu=smmuv3",
                "-accel",
                "tcg",
                "-cpu",
                "max",
                "-m",
                "1G",
                "-nodefaults",
                "-display",
                "none",
                "-no-reboot",
                "-serial",
                "file:" + console.toString().replace(",", ",,"),
                "-chardev",
                "stdio,id=report,signal=off",
                "-device",
                "virtio-serial-pci,iommu_platform=on,disable-legacy=on",
                "-device",
                "virtconsole,chardev=report",
                "-kernel",
                guest.kernel().toString(),
                "-initrd",
                guest.initrd().orElseThrow().toString(),
                "-append",
                guest.append());
    }
}
