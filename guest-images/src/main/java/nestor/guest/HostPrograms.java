package nestor.guest;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.Set;

/**
 * Programs of this machine that guests are built with: looked for in PATH, and installed on first
 * use where this process may do that.
 */
final class HostPrograms {
    private static final int MAX_MESSAGE = 400;

    private final List<Path> path;
    private final boolean privileged;
    private final Progress progress;

    /**
     * @param path folders of programs, the first one first
     * @param privileged whether this process may install packages
     */
    HostPrograms(List<Path> path, boolean privileged, Progress progress) {
        this.path = List.copyOf(path);
        this.privileged = privileged;
        this.progress = progress;
    }

    /** Those of this process. */
    static HostPrograms ofHost(Progress progress) throws IOException {
        List<Path> path = new ArrayList<>();
        for (String folder : System.getenv().getOrDefault("PATH", "").split(":", -1)) {
            if (folder.startsWith("/")) {
                path.add(Path.of(folder));
            }
        }
        boolean root = Files.getAttribute(Path.of("/proc/self"), "unix:uid").equals(0);
        return new HostPrograms(path, root, progress);
    }

    /**
     * Where a program is.
     *
     * @param packages what to install if it is nowhere
     */
    Path require(String program, Collection<String> packages)
            throws ImageException, IOException, InterruptedException {
        Optional<Path> found = inPath(program);
        return found.isPresent() ? found.get() : installed(program, packages);
    }

    /**
     * Sees to it that all of them are there; what is missing is installed at once.
     *
     * @param packages of each program
     */
    void requireAll(SequencedMap<String, List<String>> packages)
            throws ImageException, IOException, InterruptedException {
        List<String> missing =
                packages.keySet().stream().filter(name -> inPath(name).isEmpty()).toList();
        Set<String> wanted = new LinkedHashSet<>();
        missing.forEach(name -> wanted.addAll(packages.getOrDefault(name, List.of())));
        if (!missing.isEmpty()) {
            installed(missing.getFirst(), wanted);
        }
        for (String name : missing) {
            require(name, packages.getOrDefault(name, List.of()));
        }
    }

    private Path installed(String program, Collection<String> packages)
            throws ImageException, IOException, InterruptedException {
        Optional<Path> apt = inPath("apt-get");
        if (!privileged || apt.isEmpty()) {
            throw new ImageException(
                    "there is no %s in PATH; install the packages %s"
                            .formatted(program, String.join(" and ", packages)));
        }
        install(apt.get(), packages);
        return inPath(program)
                .orElseThrow(() ->
                        new ImageException(
                                "the package %s is installed, and there is still no %s in PATH"
                                        .formatted(packages.iterator().next(), program)));
    }

    private Optional<Path> inPath(String program) {
        return path.stream()
                .map(folder -> folder.resolve(program))
                .filter(Files::isExecutable)
                .findFirst();
    }

    private void install(Path apt, Collection<String> packages)
            throws ImageException, IOException, InterruptedException {
        try (Progress.Task task = progress.begin("installing " + String.join(", ", packages), -1)) {
            List<String> command =
                    new ArrayList<>(
                            List.of(apt.toString(), "-qq", "-y", "--no-install-recommends"));
            command.add("install");
            command.addAll(packages);
            ChildProcess.Result ended = run(command, Path.of("/"));
            if (ended.status() != 0) {
                // The lists may be missing, or name versions which the mirror has no more.
                run(List.of(apt.toString(), "-qq", "update"), Path.of("/"));
                ended = run(command, Path.of("/"));
            }
            if (ended.status() != 0) {
                throw new ImageException(
                        "cannot install the packages %s: %s"
                                .formatted(String.join(" and ", packages), complaint(ended)));
            }
            task.advance(0);
        }
    }

    static ChildProcess.Result run(List<String> command, Path folder)
            throws IOException, InterruptedException {
        return ChildProcess.run(
                command,
                folder,
                Map.of("DEBIAN_FRONTEND", "noninteractive", "LC_ALL", "C"),
                () -> {});
    }

    /** The line that says what is wrong. */
    static String complaint(ChildProcess.Result ended) {
        List<String> lines =
                (ended.errors() + "\n" + ended.output())
                        .lines()
                        .map(String::strip)
                        .filter(line -> !line.isEmpty())
                        .toList();
        String line =
                lines.stream()
                        .filter(text -> text.contains("error") || text.startsWith("E:"))
                        .findFirst()
                        .or(() -> lines.stream().findFirst())
                        .orElse("exit status " + ended.status());
        return line.length() > MAX_MESSAGE ? line.substring(0, MAX_MESSAGE) : line;
    }
}
