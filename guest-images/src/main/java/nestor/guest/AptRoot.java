package nestor.guest;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * An apt of our own in a folder: its own lists, cache, status and configuration, for one
 * architecture (apt.conf(5)). The machine's apt, its lists and its locks are not touched; how it
 * reaches the network is taken over.
 */
final class AptRoot {
    /** The releases to choose kernels from, and the one for everything else. */
    static final String STABLE = "trixie";

    static final String BACKPORTS = "trixie-backports";

    /** What decides how the network is reached; not, for example, what may go unsigned. */
    private static final Pattern INHERITED =
            Pattern.compile(
                    "Acquire::(http|https|ftp|tor|socks5h|Retries|ForceIPv[46]|Check-Valid-Until|Check-Date)(::\\S*)? \".*\";");

    private static final Set<String> NO_NETWORK =
            Set.of(
                    "Could not resolve",
                    "Temporary failure resolving",
                    "Something wicked happened resolving",
                    "Could not connect",
                    "Unable to connect",
                    "Cannot initiate the connection",
                    "Connection failed",
                    "Connection refused",
                    "connection timed out",
                    "Network is unreachable");
    private static final Set<String> BAD_SIGNATURE =
            Set.of(
                    "NO_PUBKEY",
                    "EXPKEYSIG",
                    "BADSIG",
                    "REVKEYSIG",
                    "is not signed",
                    "Missing key",
                    "couldn't be verified");
    private static final Set<String> DISK_FULL =
            Set.of(CacheDirectory.NO_SPACE, "enough free space", "Disk quota exceeded");

    private final Path root;
    private final String architecture;
    private final DebianMirror mirror;
    private final Progress progress;

    AptRoot(Path root, String architecture, DebianMirror mirror, Progress progress) {
        this.root = root;
        this.architecture = architecture;
        this.mirror = mirror;
        this.progress = progress;
    }

    /** Fetches the package indexes and checks their signatures. */
    void update() throws ImageException, IOException, InterruptedException {
        if (root.toString().matches("(?s).*[\"\\n].*")) {
            throw new ImageException("apt cannot use a folder with a quote in its name: " + root);
        }
        configure();
        Path lists = root.resolve("state/lists");
        try (Progress.Task task =
                progress.begin("fetching the package index of Debian " + STABLE, -1)) {
            run(List.of("apt-get", "-q", "update"), root, growth(lists, task));
        }
    }

    private void configure() throws IOException, InterruptedException, ImageException {
        for (String folder :
                List.of(
                        "etc/apt.conf.d",
                        "etc/preferences.d",
                        "etc/sources.list.d",
                        "state/lists/partial",
                        "cache/archives/partial")) {
            Files.createDirectories(root.resolve(folder));
        }
        Files.writeString(root.resolve("state/status"), "");
        Files.writeString(
                root.resolve("etc/sources.list.d/nestor.sources"),
                """
                Types: deb
                URIs: %s
                Suites: %s %s
                Components: main
                Architectures: %s
                Signed-By: %s
                """
                        .formatted(
                                mirror.uri(), STABLE, BACKPORTS, architecture, mirror.keyring()));
        Files.writeString(
                root.resolve("apt.conf"),
                """
                Dir::State "%1$s/state";
                Dir::State::status "%1$s/state/status";
                Dir::Cache "%1$s/cache";
                Dir::Etc "%1$s/etc";
                Dir::Etc::netrc "/etc/apt/auth.conf";
                Dir::Etc::netrcparts "/etc/apt/auth.conf.d";
                APT::Architecture "%2$s";
                APT::Architectures { "%2$s"; };
                APT::Sandbox::User "root";
                APT::Update::Error-Mode "any";
                Acquire::Languages "none";
                Acquire::GzipIndexes "true";
                Dir::Cache::srcpkgcache "";
                Acquire::http::Timeout "30";
                """
                                .formatted(root, architecture)
                        + machinesNetwork());
    }

    private String machinesNetwork() throws IOException, InterruptedException, ImageException {
        ChildProcess.Result dump =
                start(List.of("apt-config", "dump"), root, Map.of("LC_ALL", "C"), () -> {});
        return dump.output()
                .lines()
                .filter(line -> INHERITED.matcher(line).matches())
                .collect(Collectors.joining("\n", "", "\n"));
    }

    /**
     * The newest version of a package in a suite.
     *
     * @param suite {@link #STABLE} or {@link #BACKPORTS}
     */
    DebianPackage show(String name, String suite)
            throws ImageException, IOException, InterruptedException {
        return find(name, suite)
                .orElseThrow(() ->
                        new ImageException(
                                "Debian "
                                        + suite
                                        + " at "
                                        + mirror.uri()
                                        + " has no package "
                                        + name));
    }

    /** The same, or nothing: for example for a name that several packages provide. */
    Optional<DebianPackage> find(String name, String suite)
            throws ImageException, IOException, InterruptedException {
        ChildProcess.Result shown =
                runAnyStatus(
                        List.of(
                                "apt-cache",
                                "-o",
                                "APT::Default-Release=" + suite,
                                "show",
                                "--no-all-versions",
                                name),
                        root,
                        () -> {});
        List<Map<String, String>> stanzas = ControlFile.parse(shown.output());
        return shown.status() != 0 || stanzas.isEmpty()
                ? Optional.empty()
                : Optional.of(DebianPackage.of(stanzas.getFirst()));
    }

    /** Names of packages with a prefix, sorted. */
    Set<String> names(String prefix) throws ImageException, IOException, InterruptedException {
        return run(List.of("apt-cache", "pkgnames", prefix), root, () -> {})
                .output()
                .lines()
                .collect(Collectors.toCollection(TreeSet::new));
    }

    /**
     * Downloads packages; apt compares them with the digests of the signed index.
     *
     * @param what they are, for people
     * @return the files, in the order of the packages
     */
    List<Path> download(String what, List<DebianPackage> packages, Path directory)
            throws ImageException, IOException, InterruptedException {
        long total = packages.stream().mapToLong(DebianPackage::sizeBytes).sum();
        List<String> command = new ArrayList<>(List.of("apt-get", "-q", "download"));
        packages.stream().map(DebianPackage::exactly).forEach(command::add);
        try (Progress.Task task = progress.begin("fetching " + what, total)) {
            run(command, directory, growth(directory, task));
        }
        List<Path> files = new ArrayList<>();
        for (DebianPackage wanted : packages) {
            try (Stream<Path> found = Files.list(directory)) {
                files.add(
                        found.filter(file ->
                                        file.getFileName()
                                                .toString()
                                                .startsWith(wanted.name() + "_"))
                                .findFirst()
                                .orElseThrow(() ->
                                        new ImageException(
                                                "apt-get did not download " + wanted.name())));
            }
        }
        return files;
    }

    /** Reports how much the files of a folder have grown since the last call. */
    private static Runnable growth(Path folder, Progress.Task task) {
        long[] known = {CacheDirectory.sizeBytes(folder)};
        return () -> {
            long now = CacheDirectory.sizeBytes(folder);
            if (now > known[0]) {
                task.advance(now - known[0]);
                known[0] = now;
            }
        };
    }

    private ChildProcess.Result run(List<String> command, Path directory, Runnable tick)
            throws ImageException, IOException, InterruptedException {
        ChildProcess.Result result = runAnyStatus(command, directory, tick);
        if (result.status() != 0) {
            List<String> complaints =
                    result.errors().lines().filter(line -> line.matches("[EW]: .*")).toList();
            if (says(complaints, DISK_FULL)) {
                throw new FileSystemException(root.toString(), null, CacheDirectory.NO_SPACE);
            }
            throw new ImageException(explain(complaints));
        }
        return result;
    }

    private ChildProcess.Result runAnyStatus(List<String> command, Path directory, Runnable tick)
            throws ImageException, IOException, InterruptedException {
        return start(
                command,
                directory,
                Map.of("APT_CONFIG", root.resolve("apt.conf").toString(), "LC_ALL", "C"),
                tick);
    }

    private static ChildProcess.Result start(
            List<String> command, Path directory, Map<String, String> environment, Runnable tick)
            throws ImageException, IOException, InterruptedException {
        try {
            return ChildProcess.run(command, directory, environment, tick);
        } catch (IOException e) {
            if (String.valueOf(e.getMessage()).startsWith("Cannot run program")) {
                throw new ImageException(
                        "cannot run "
                                + command.getFirst()
                                + ", with which kernels are fetched: install apt, or give your own kernel with"
                                + " --kernel and --initrd",
                        e);
            }
            throw e;
        }
    }

    /** One line from those in which apt-get complains. */
    private String explain(List<String> lines) {
        String cause =
                lines.stream()
                        .findFirst()
                        .map(line -> line.substring(3).strip())
                        .orElse("apt-get failed");
        if (says(lines, BAD_SIGNATURE)) {
            return "signatures of "
                    + mirror.uri()
                    + " cannot be checked with "
                    + mirror.keyring()
                    + ": update the package debian-archive-keyring ("
                    + cause
                    + ")";
        }
        if (says(lines, NO_NETWORK)) {
            return "no network: cannot reach the Debian archive at "
                    + mirror.uri()
                    + " ("
                    + cause
                    + "); connect, or give your own kernel with --kernel and --initrd";
        }
        return "apt-get cannot fetch from " + mirror.uri() + ": " + cause;
    }

    private static boolean says(List<String> lines, Set<String> phrases) {
        return lines.stream().anyMatch(line -> phrases.stream().anyMatch(line::contains));
    }
}
