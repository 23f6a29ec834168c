package nestor.guest;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * The C compiler for arm64 guests: the distribution's cross compiler, installed on first use where
 * this process may do that. What it made is cached by what went into it.
 */
final class CrossCompiler {
    static final String PROGRAM = "aarch64-linux-gnu-gcc";

    /** Comes with the compiler. */
    static final String OBJCOPY = "aarch64-linux-gnu-objcopy";

    /**
     * The compiler, and the C library's headers for programs that run under an operating system.
     */
    static final List<String> PACKAGES = List.of("gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross");

    /** Of cache entries. */
    static final String KIND = "builds";

    private static final String INCLUDED = ".h";
    private static final String LINKER_SCRIPT = ".ld";
    private static final int MAX_MESSAGE = 400;

    private final CacheDirectory cache;
    private final List<Path> path;
    private final boolean privileged;
    private final Progress progress;

    /**
     * A compiler that is looked for when it is needed.
     *
     * @param path folders of programs, the first one first
     * @param privileged whether this process may install packages
     */
    CrossCompiler(CacheDirectory cache, List<Path> path, boolean privileged, Progress progress) {
        this.cache = cache;
        this.path = List.copyOf(path);
        this.privileged = privileged;
        this.progress = progress;
    }

    /** The one of this machine. */
    static CrossCompiler ofHost(CacheDirectory cache, Progress progress) throws IOException {
        List<Path> path = new ArrayList<>();
        for (String folder : System.getenv().getOrDefault("PATH", "").split(":", -1)) {
            if (folder.startsWith("/")) {
                path.add(Path.of(folder));
            }
        }
        boolean root = Files.getAttribute(Path.of("/proc/self"), "unix:uid").equals(0);
        return new CrossCompiler(cache, path, root, progress);
    }

    /**
     * Compiles and links sources; the result is taken from the cache if the same was made before.
     *
     * @param sources by path; C and assembler files are compiled in the order of their paths, and
     *     may include the headers by their paths. A linker script ({@code .ld}) is used as such
     * @param flags of the compiler
     * @param output name of the result
     */
    Path compile(Map<String, byte[]> sources, List<String> flags, String output)
            throws ImageException, IOException, InterruptedException {
        return make(sources, flags, output, List.of());
    }

    /** As {@link #compile}, and leaves of the result what is loaded, as it lies in memory. */
    Path image(Map<String, byte[]> sources, List<String> flags, String output)
            throws ImageException, IOException, InterruptedException {
        return make(sources, flags, output, List.of(OBJCOPY, "-O", "binary"));
    }

    /**
     * @param convert a program of the compiler's with its arguments, to which the result's name is
     *     added; empty for none
     */
    private Path make(
            Map<String, byte[]> sources, List<String> flags, String output, List<String> convert)
            throws ImageException, IOException, InterruptedException {
        Path compiler = find();
        ContentKey key = new ContentKey().with(version(compiler)).with(output);
        convert.forEach(key::with);
        flags.forEach(key::with);
        new TreeMap<>(sources).forEach((name, content) -> key.with(name).with(content));
        String name = output + "-" + key.hex();
        Optional<Path> cached = cache.find(KIND, name);
        if (cached.isPresent()) {
            return cached.get().resolve(output);
        }
        try (CacheDirectory.Lock lock = cache.lock(progress);
                Progress.Task task = progress.begin("compiling " + output, -1)) {
            return lock.add(
                            KIND,
                            name,
                            folder ->
                                    lock.scratch(scratch -> {
                                        unpack(sources, scratch);
                                        Path result = folder.resolve(output);
                                        build(compiler, sources, flags, scratch, result);
                                        if (!convert.isEmpty()) {
                                            convert(compiler, convert, result);
                                        }
                                        task.advance(Files.size(result));
                                    }))
                    .resolve(output);
        }
    }

    private static void unpack(Map<String, byte[]> sources, Path folder) throws IOException {
        for (Map.Entry<String, byte[]> source : sources.entrySet()) {
            Path file = folder.resolve(source.getKey()).normalize();
            if (!file.startsWith(folder)) {
                throw new IllegalArgumentException(source.getKey() + " is outside its folder");
            }
            Files.createDirectories(file.resolveSibling("."));
            Files.write(file, source.getValue());
        }
    }

    private static void build(
            Path compiler,
            Map<String, byte[]> sources,
            List<String> flags,
            Path folder,
            Path result)
            throws ImageException, IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(compiler.toString()));
        command.addAll(flags);
        command.addAll(List.of("-I.", "-o", result.toString()));
        for (String name : new TreeMap<>(sources).keySet()) {
            if (name.endsWith(LINKER_SCRIPT)) {
                command.addAll(List.of("-T", name));
            } else if (!name.endsWith(INCLUDED)) {
                command.add(name);
            }
        }
        ChildProcess.Result ended = run(command, folder);
        if (ended.status() != 0) {
            throw new ImageException(PROGRAM + ": " + complaint(ended));
        }
    }

    private static void convert(Path compiler, List<String> convert, Path result)
            throws ImageException, IOException, InterruptedException {
        List<String> command = new ArrayList<>(convert);
        command.set(0, compiler.resolveSibling(convert.getFirst()).toString());
        command.add(result.toString());
        ChildProcess.Result ended = run(command, Path.of("/"));
        if (ended.status() != 0) {
            throw new ImageException(convert.getFirst() + ": " + complaint(ended));
        }
    }

    /** Where the compiler is; installs it if it is nowhere and that is allowed. */
    private Path find() throws ImageException, IOException, InterruptedException {
        Optional<Path> found = inPath(PROGRAM);
        if (found.isPresent()) {
            return found.get();
        }
        Optional<Path> apt = inPath("apt-get");
        if (!privileged || apt.isEmpty()) {
            throw new ImageException(
                    "there is no %s in PATH; install the packages %s"
                            .formatted(PROGRAM, String.join(" and ", PACKAGES)));
        }
        install(apt.get());
        return inPath(PROGRAM)
                .orElseThrow(() ->
                        new ImageException(
                                "the package %s is installed, and there is still no %s in PATH"
                                        .formatted(PACKAGES.getFirst(), PROGRAM)));
    }

    private Optional<Path> inPath(String program) {
        return path.stream()
                .map(folder -> folder.resolve(program))
                .filter(Files::isExecutable)
                .findFirst();
    }

    private void install(Path apt) throws ImageException, IOException, InterruptedException {
        try (Progress.Task task = progress.begin("installing " + String.join(", ", PACKAGES), -1)) {
            List<String> command =
                    new ArrayList<>(
                            List.of(apt.toString(), "-qq", "-y", "--no-install-recommends"));
            command.add("install");
            command.addAll(PACKAGES);
            ChildProcess.Result ended = run(command, Path.of("/"));
            if (ended.status() != 0) {
                // The lists may be missing, or name versions which the mirror has no more.
                run(List.of(apt.toString(), "-qq", "update"), Path.of("/"));
                ended = run(command, Path.of("/"));
            }
            if (ended.status() != 0) {
                throw new ImageException(
                        "cannot install the packages %s: %s"
                                .formatted(String.join(" and ", PACKAGES), complaint(ended)));
            }
            task.advance(0);
        }
    }

    private static String version(Path compiler)
            throws ImageException, IOException, InterruptedException {
        ChildProcess.Result ended = run(List.of(compiler.toString(), "--version"), Path.of("/"));
        if (ended.status() != 0) {
            throw new ImageException(compiler + " does not run: " + complaint(ended));
        }
        return ended.output();
    }

    private static ChildProcess.Result run(List<String> command, Path folder)
            throws IOException, InterruptedException {
        return ChildProcess.run(
                command,
                folder,
                Map.of("DEBIAN_FRONTEND", "noninteractive", "LC_ALL", "C"),
                () -> {});
    }

    /** The line that says what is wrong. */
    private static String complaint(ChildProcess.Result ended) {
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
