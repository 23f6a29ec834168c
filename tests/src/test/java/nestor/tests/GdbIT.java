package nestor.tests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.zip.GZIPInputStream;
import nestor.guest.ImageStore;
import nestor.guest.Kernel;
import nestor.guest.Progress;
import nestor.machine.boot.PvhKernel;
import nestor.vmm.memory.GuestMemory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Stock gdb-multiarch and stock Debian kernels. */
@Timeout(value = 10, unit = TimeUnit.MINUTES)
@SuppressWarnings("NullAway.Init") // Nestor is started by the test
class GdbIT {
    private static final String GDB = "/usr/bin/gdb-multiarch";
    private static final Set<String> SYMBOLS =
            Set.of("start_kernel", "rest_init", "system_state", "linux_banner");

    @TempDir private Path folder;
    private Process nestor;
    private boolean started;

    @AfterEach
    void stop() throws InterruptedException {
        if (started) {
            nestor.descendants().forEach(ProcessHandle::destroy);
            nestor.destroy();
            nestor.waitFor();
        }
    }

    private Path serial() {
        return folder.resolve("serial");
    }

    private Path socket() {
        return folder.resolve("gdb");
    }

    private void start(String... arguments) throws Exception {
        assumeTrue(Files.isExecutable(Path.of(GDB)), GDB + " is not installed");
        List<String> all =
                new ArrayList<>(
                        List.of(
                                "run",
                                "-S",
                                "-gdb",
                                "unix:" + socket(),
                                "-serial",
                                "file:" + serial()));
        all.addAll(List.of(arguments));
        nestor =
                NestorProcess.builder(all.toArray(String[]::new))
                        .redirectErrorStream(true)
                        .redirectOutput(folder.resolve("nestor").toFile())
                        .start();
        started = true;
        while (!Files.exists(socket()) && nestor.isAlive()) {
            nestor.waitFor(100, TimeUnit.MILLISECONDS);
        }
        assertThat(nestor.isAlive()).describedAs(text(folder.resolve("nestor"))).isTrue();
    }

    /** What GDB prints on these commands, once attached. */
    private String gdb(String... commands) throws Exception {
        List<String> script =
                new ArrayList<>(
                        List.of(
                                "set pagination off",
                                "set confirm off",
                                "set remotetimeout 60",
                                "target remote " + socket()));
        script.addAll(List.of(commands));
        Path file = Files.write(folder.resolve("script"), script);
        Path out = folder.resolve("out");
        Process gdb =
                new ProcessBuilder(GDB, "-q", "-batch", "-nx", "-x", file.toString())
                        .redirectErrorStream(true)
                        .redirectOutput(out.toFile())
                        .start();
        assertThat(gdb.waitFor(8, TimeUnit.MINUTES)).describedAs(text(out)).isTrue();
        return text(out);
    }

    private static String text(Path file) throws IOException {
        return Files.readString(file, StandardCharsets.ISO_8859_1);
    }

    private static String hex(Map<String, Long> symbols, String name) {
        return "0x%x".formatted(symbols.get(name));
    }

    /** From a stop at the entry over {@code start_kernel} to a store in {@code rest_init}. */
    private String session(Map<String, Long> symbols, String... more) throws Exception {
        List<String> commands =
                new ArrayList<>(
                        List.of(
                                "hbreak *" + hex(symbols, "start_kernel"),
                                "continue",
                                "backtrace 3",
                                "stepi",
                                "x/s " + hex(symbols, "linux_banner"),
                                "delete",
                                "watch *(int *)" + hex(symbols, "system_state"),
                                "continue",
                                "print \"state\", *(int *)" + hex(symbols, "system_state"),
                                "delete",
                                "monitor info status"));
        commands.addAll(List.of(more));
        String printed = gdb(commands.toArray(String[]::new));
        assertThat(printed)
                .contains("Breakpoint 1, " + "0x%016x".formatted(symbols.get("start_kernel")))
                .containsPattern("#0 +0x0*%x in".formatted(symbols.get("start_kernel")))
                .contains("\"Linux version ")
                .contains("Old value = 0")
                .contains("New value = 1")
                .contains("instructions retired");
        return printed;
    }

    @Test
    void arm64KernelIsStoppedInStartKernelAndRunsOnToItsShell() throws Exception {
        Kernel kernel = ImageStore.open(Progress.none()).kernel("arm64", "stable");
        byte[] image = image(kernel.image());
        Map<String, Long> symbols = KernelSymbols.of(image, SYMBOLS);
        start("--preset", "none", "-append", "nokaslr");

        session(symbols, "detach");

        while (!text(serial()).contains("# ") && nestor.isAlive()) {
            nestor.waitFor(200, TimeUnit.MILLISECONDS);
        }
        assertThat(text(serial())).contains("Linux version").contains("# ");
    }

    @Test
    void amd64KernelIsStoppedInStartKernel() throws Exception {
        Kernel kernel = ImageStore.open(Progress.none()).kernel("amd64", "stable");
        Map<String, Long> symbols = KernelSymbols.of(loaded(kernel.image()), SYMBOLS);
        start(
                "-M",
                "q35",
                "-kernel",
                kernel.image().toString(),
                "-append",
                "nokaslr console=ttyS0",
                "-no-reboot");

        String printed = session(symbols, "print/x $cr3", "print $st0", "detach");

        assertThat(printed).containsPattern("\\$\\d+ = 0x[1-9a-f][0-9a-f]*").contains("= 0");
    }

    private static byte[] image(Path file) throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        if (bytes[0] == 0x1f && bytes[1] == (byte) 0x8b) {
            try (InputStream in = new GZIPInputStream(Files.newInputStream(file))) {
                return in.readAllBytes();
            }
        }
        return bytes;
    }

    /** What lies in memory once the kernel's ELF file has been loaded. */
    private static byte[] loaded(Path file) throws Exception {
        int size = 192 << 20;
        try (GuestMemory memory = GuestMemory.anonymous(0, size)) {
            PvhKernel.open(file).load(memory);
            byte[] bytes = new byte[size];
            memory.copyOut(0, MemorySegment.ofArray(bytes));
            return bytes;
        }
    }
}
