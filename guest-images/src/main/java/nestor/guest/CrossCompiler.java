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
 * The C compiler for guests of an architecture: the distribution's, installed on first use where
 * this process may do that. What it made is cached by what went into it.
 */
final class CrossCompiler {
    /** Of cache entries. */
    static final String KIND = "builds";

    private static final String INCLUDED = ".h";
    private static final String LINKER_SCRIPT = ".ld";

    private final Architecture architecture;
    private final CacheDirectory cache;
    private final HostPrograms programs;
    private final Progress progress;

    /**
     * A compiler that is looked for when it is needed.
     *
     * @param path folders of programs, the first one first
     * @param privileged whether this process may install packages
     */
    CrossCompiler(
            Architecture architecture,
            CacheDirectory cache,
            List<Path> path,
            boolean privileged,
            Progress progress) {
        this(architecture, cache, new HostPrograms(path, privileged, progress), progress);
    }

    private CrossCompiler(
            Architecture architecture,
            CacheDirectory cache,
            HostPrograms programs,
            Progress progress) {
        this.architecture = architecture;
        this.cache = cache;
        this.programs = programs;
        this.progress = progress;
    }

    /** The one of this machine. */
    static CrossCompiler ofHost(Architecture architecture, CacheDirectory cache, Progress progress)
            throws IOException {
        return new CrossCompiler(architecture, cache, HostPrograms.ofHost(progress), progress);
    }

    /** A kernel from sources, in the form in which this architecture's are loaded. */
    Path kernel(Map<String, byte[]> sources, List<String> flags, String output)
            throws ImageException, IOException, InterruptedException {
        return architecture.flatImage()
                ? image(sources, flags, output)
                : compile(sources, flags, output);
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
        return make(sources, flags, output, List.of(architecture.objcopy(), "-O", "binary"));
    }

    /**
     * @param convert a program of the compiler's with its arguments, to which the result's name is
     *     added; empty for none
     */
    private Path make(
            Map<String, byte[]> sources, List<String> flags, String output, List<String> convert)
            throws ImageException, IOException, InterruptedException {
        Path compiler =
                programs.require(
                        architecture.compiler(),
                        architecture.packagesOn(System.getProperty("os.arch", "")));
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

    private void build(
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
        ChildProcess.Result ended = HostPrograms.run(command, folder);
        if (ended.status() != 0) {
            throw new ImageException(
                    architecture.compiler() + ": " + HostPrograms.complaint(ended));
        }
    }

    private static void convert(Path compiler, List<String> convert, Path result)
            throws ImageException, IOException, InterruptedException {
        List<String> command = new ArrayList<>(convert);
        command.set(0, compiler.resolveSibling(convert.getFirst()).toString());
        command.add(result.toString());
        ChildProcess.Result ended = HostPrograms.run(command, Path.of("/"));
        if (ended.status() != 0) {
            throw new ImageException(convert.getFirst() + ": " + HostPrograms.complaint(ended));
        }
    }

    private static String version(Path compiler)
            throws ImageException, IOException, InterruptedException {
        ChildProcess.Result ended =
                HostPrograms.run(List.of(compiler.toString(), "--version"), Path.of("/"));
        if (ended.status() != 0) {
            throw new ImageException(compiler + " does not run: " + HostPrograms.complaint(ended));
        }
        return ended.output();
    }
}
