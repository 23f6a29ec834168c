package nestor.guest;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * What Debian has for building modules of one of its kernels: headers with the kernel's
 * configuration, and the programs of Linux's makefiles. These need Debian's C library, and this
 * machine may have an older one: each is started by the loader of its own.
 *
 * @param source of what all flavours of the kernel have in common
 * @param build of what is this kernel's own
 */
record KernelHeaders(Path source, Path build) {
    private static final String HEADERS = "linux-headers-";
    private static final String PROGRAMS = "linux-kbuild-";

    /** With the kernel's types in it a module's are made from them, by a program not fetched. */
    private static final Pattern UNWANTED = Pattern.compile("usr/src/[^/]*/vmlinux|usr/share/.*");

    private static final String TYPE_PROGRAM = "pahole";

    /** What building a module runs, and how Debian's variant for both our guests' is called. */
    private static final List<String> STARTED =
            List.of("scripts/basic/fixdep", "scripts/mod/modpost", "tools/objtool/objtool");

    private static final String VARIANT = "\\.real-(lsb-64|x86)";

    /**
     * The packages of a kernel's headers, the kernel's own first.
     *
     * @param apt for the guest's architecture, updated
     */
    static List<DebianPackage> packages(AptRoot apt, String release)
            throws ImageException, IOException, InterruptedException {
        Optional<DebianPackage> own = apt.find(HEADERS + release, AptRoot.STABLE);
        if (own.isEmpty()) {
            throw new ImageException(
                    "Debian has no headers of linux %s any more, for which a module is to be built: nestor images refresh"
                            .formatted(release));
        }
        return List.of(own.get(), apt.show(dependency(own.get(), HEADERS), AptRoot.STABLE));
    }

    /**
     * The packages of the programs that its makefiles run, and of the libraries of these.
     *
     * @param apt for this machine's architecture, updated
     * @param headers the first of {@link #packages}
     */
    static List<DebianPackage> programs(AptRoot apt, DebianPackage headers)
            throws ImageException, IOException, InterruptedException {
        DebianPackage programs = apt.show(dependency(headers, PROGRAMS), AptRoot.STABLE);
        List<DebianPackage> all = new ArrayList<>(List.of(programs));
        all.addAll(
                DebianPrograms.closure(
                        apt,
                        programs.depends().stream()
                                .filter(name -> !name.equals(TYPE_PROGRAM))
                                .toList()));
        return all;
    }

    private static String dependency(DebianPackage dependent, String prefix) throws ImageException {
        return dependent.depends().stream()
                .filter(name -> name.startsWith(prefix))
                .findFirst()
                .orElseThrow(
                        () -> new ImageException(dependent.name() + " names no " + prefix + "*"));
    }

    /**
     * Unpacks packages and makes the programs ready.
     *
     * @param headers as {@link #packages} has them
     * @param folder empty
     * @param triplet of this machine
     */
    static KernelHeaders unpack(
            List<DebianPackage> headers,
            List<Path> debs,
            Path folder,
            String triplet,
            Progress progress)
            throws ImageException, IOException {
        long total = 0;
        for (Path deb : debs) {
            total += Files.size(deb);
        }
        try (Progress.Task task = progress.begin("unpacking " + headers.getFirst().name(), total)) {
            for (Path deb : debs) {
                DebArchive.visit(deb, task, new Unpacker(folder));
            }
        }
        Path libraries = folder.resolve("usr/lib").resolve(triplet);
        Path programs = folder.resolve("usr/lib").resolve(dependency(headers.getFirst(), PROGRAMS));
        for (String program : STARTED) {
            start(programs.resolve(program), loader(libraries), libraries);
        }
        Path sources = folder.resolve("usr/src");
        return new KernelHeaders(
                sources.resolve(headers.getLast().name()),
                sources.resolve(headers.getFirst().name()));
    }

    private static Path loader(Path libraries) throws IOException, ImageException {
        return matching(libraries, Pattern.compile("ld-linux-.*\\.so\\.\\d+"))
                .orElseThrow(() -> new ImageException("Debian's C library has no loader"));
    }

    /** Puts a script in a program's place. */
    private static void start(Path program, Path loader, Path libraries) throws IOException {
        if (!Files.exists(program)) {
            return; // Not every architecture's modules go through it.
        }
        Path real = program.resolveSibling(program.getFileName() + ".elf");
        Files.move(program, real);
        Pattern variant =
                Pattern.compile(Pattern.quote(String.valueOf(program.getFileName())) + VARIANT);
        Path started = matching(program.resolveSibling("."), variant).orElse(real);
        Files.writeString(
                program,
                "#!/bin/sh\nexec '%s' --library-path '%s' '%s' \"$@\"\n"
                        .formatted(loader, libraries, started.normalize()));
        setExecutable(program);
    }

    private static Optional<Path> matching(Path folder, Pattern name) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(file -> name.matcher(file.getFileName().toString()).matches())
                    .findFirst();
        }
    }

    private static void setExecutable(Path file) throws IOException {
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    private record Unpacker(Path folder) implements DebArchive.Visitor {
        @Override
        public void file(String path, InputStream content) throws IOException {
            if (!UNWANTED.matcher(path).matches()) {
                Path file = target(path);
                Files.copy(content, file);
                setExecutable(file);
            }
        }

        @Override
        public void link(String path, String target) throws IOException {
            if (!UNWANTED.matcher(path).matches()) {
                Files.createSymbolicLink(target(path), Path.of(target));
            }
        }

        private Path target(String path) throws IOException {
            Path file = folder.resolve(path).normalize();
            if (!file.startsWith(folder)) {
                throw new IOException(path + " is outside its package");
            }
            Files.createDirectories(file.resolveSibling("."));
            return file;
        }
    }
}
