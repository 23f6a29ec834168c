package nestor.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import nestor.cli.terminal.Terminal;
import nestor.guest.ImageStore;
import nestor.guest.Progress;
import nestor.host.iommufd.AssignmentSupport;
import nestor.host.kvm.KvmSupport;
import picocli.CommandLine.Command;

/** {@code nestor doctor}: what this machine has and lacks, and what to do about it. */
@Command(
        name = "doctor",
        mixinStandardHelpOptions = true,
        description = "Say what this machine has and lacks, and what to do about it.",
        footerHeading = "%nExit codes:%n",
        footer = "  0 if Nestor can run here, 1 if not")
final class DoctorCommand implements Callable<Integer> {
    private static final long DEFAULT_GUEST = 512L << 20;
    private static final long NEEDED = 1L << 30;
    private static final long CACHE_ROOM = 1L << 30;

    /** How good a finding is. */
    private enum State {
        OK,
        WARN,
        MISSING
    }

    private record Finding(State state, String topic, String text, String advice) {}

    private final Host host;
    private final List<Finding> findings = new ArrayList<>();

    DoctorCommand(Host host) {
        this.host = host;
    }

    @Override
    public Integer call() {
        java();
        memory();
        sharedMemory();
        cache();
        images();
        kvm();
        assignment();
        qemu();
        terminal();
        for (Finding finding : findings) {
            host.out()
                    .printf(
                            "%-8s%-13s%s\n",
                            finding.state.name().toLowerCase(java.util.Locale.ROOT),
                            finding.topic,
                            finding.text);
            if (!finding.advice.isEmpty()) {
                host.out().printf("%-21s-> %s\n", "", finding.advice);
            }
        }
        boolean runs = findings.stream().noneMatch(finding -> finding.state == State.MISSING);
        host.out().print(runs ? "Nestor can run here.\n" : "Nestor cannot run here yet.\n");
        return runs ? ExitCode.OK : ExitCode.FAILED;
    }

    private void java() {
        boolean right = Runtime.version().feature() == 25;
        String text =
                "%s %s (%s)"
                        .formatted(
                                System.getProperty("java.vm.name"),
                                Runtime.version(),
                                System.getProperty("java.home"));
        add(
                right ? State.OK : State.MISSING,
                "java",
                text,
                right ? "" : "install JDK 25, for example openjdk-25-jdk-headless");
        String architecture = System.getProperty("os.arch");
        boolean known =
                System.getProperty("os.name").equals("Linux")
                        && (architecture.equals("amd64") || architecture.equals("aarch64"));
        add(
                known ? State.OK : State.WARN,
                "host",
                System.getProperty("os.name")
                        + " "
                        + architecture
                        + ", "
                        + Runtime.getRuntime().availableProcessors()
                        + " CPUs",
                known ? "" : "only Linux on x86-64 and aarch64 is tried");
    }

    private void memory() {
        long available = meminfo("MemAvailable:");
        if (available < 0) {
            add(State.WARN, "memory", "unknown", "");
            return;
        }
        State state = available >= NEEDED ? State.OK : State.WARN;
        add(
                state,
                "memory",
                mib(available) + " available",
                state == State.OK
                        ? ""
                        : "a 512 MiB guest needs 1 GiB; give the guest less with -m 256M");
    }

    private void sharedMemory() {
        room(
                "/dev/shm",
                Path.of("/dev/shm"),
                DEFAULT_GUEST,
                "guest memory lives there; enlarge it (mount -o remount,size=2G /dev/shm) or use less with -m");
    }

    private void cache() {
        Path folder = ImageStore.open(Progress.none()).folder();
        Path existing = folder;
        while (!Files.exists(existing) && existing.getParent() != null) {
            existing = existing.getParent();
        }
        if (!Files.isWritable(existing)) {
            add(
                    State.MISSING,
                    "cache",
                    folder + " cannot be written",
                    "set XDG_CACHE_HOME to a folder of yours");
            return;
        }
        room(
                "cache",
                existing,
                CACHE_ROOM,
                "kernels are kept in " + folder + "; free some space there");
    }

    private void room(String topic, Path folder, long wanted, String advice) {
        long free = folder.toFile().getUsableSpace();
        State state = free >= wanted ? State.OK : State.WARN;
        add(state, topic, folder + ", " + mib(free) + " free", state == State.OK ? "" : advice);
    }

    private void images() {
        boolean apt = onPath("apt-get");
        add(
                apt ? State.OK : State.WARN,
                "apt",
                apt ? "apt-get is here: Debian kernels can be fetched" : "no apt-get",
                apt ? "" : "bring your own kernel: -kernel and -initrd");
        Path keys = Path.of("/usr/share/keyrings");
        boolean keyring = false;
        if (Files.isDirectory(keys)) {
            try (Stream<Path> files = Files.list(keys)) {
                keyring =
                        files.anyMatch(
                                f -> f.getFileName().toString().startsWith("debian-archive"));
            } catch (IOException e) {
                add(State.WARN, "keyring", CommandException.reason(e), "");
                return;
            }
        }
        add(
                keyring ? State.OK : State.WARN,
                "keyring",
                keyring ? "Debian's archive keys are here" : "Debian's archive keys are missing",
                keyring ? "" : "apt-get install debian-archive-keyring");
    }

    private void kvm() {
        KvmSupport kvm = KvmSupport.ofThisHost();
        String use = kvm.usable() ? "; for -accel kvm" : "; only -accel kvm needs it";
        add(State.OK, "kvm", kvm.text() + use, kvm.advice());
    }

    private void assignment() {
        for (AssignmentSupport support : AssignmentSupport.ofThisHost()) {
            String use = support.advice().isEmpty() ? "" : "; not needed for emulated devices";
            add(State.OK, support.topic(), support.text() + use, support.advice());
        }
    }

    private void qemu() {
        boolean there = onPath("qemu-system-aarch64");
        add(
                there ? State.OK : State.WARN,
                "qemu",
                there ? "qemu-system-aarch64 is here" : "no qemu-system-aarch64",
                there
                        ? ""
                        : "only 'nestor bench --against qemu' needs it: apt-get install qemu-system-arm");
    }

    private void terminal() {
        try (Terminal terminal = new Terminal()) {
            boolean in = terminal.isTerminal(0);
            add(
                    State.OK,
                    "terminal",
                    in ? "standard input is a terminal" : "standard input is not a terminal",
                    "");
        }
    }

    private boolean onPath(String program) {
        return Programs.find(host, program).isPresent();
    }

    private void add(State state, String topic, String text, String advice) {
        findings.add(new Finding(state, topic, text, advice));
    }

    private static long meminfo(String key) {
        try (Stream<String> lines = Files.lines(Path.of("/proc/meminfo"))) {
            return lines.filter(line -> line.startsWith(key))
                    .map(line -> line.replaceAll("[^0-9]", ""))
                    .mapToLong(kib -> Long.parseLong(kib) << 10)
                    .findFirst()
                    .orElse(-1);
        } catch (IOException e) {
            return -1;
        }
    }

    private static String mib(long bytes) {
        return (bytes >> 20) + " MiB";
    }
}
