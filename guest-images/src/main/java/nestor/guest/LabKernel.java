package nestor.guest;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;

/**
 * A kernel for what Debian's do not have: shared virtual addressing of any PCI function, IOMMUFD
 * and its test module, KUnit. Built from Debian's newest kernel source with a configuration of
 * ours, on this machine.
 */
final class LabKernel {
    /** What a user names it by in the place of a Debian release. */
    static final String RELEASE = "lab";

    private static final String SOURCE = "linux-source";
    private static final String SYMBOLS = "Module.symvers";
    private static final String BUILT_IN = "modules.builtin";

    /** Of the unpacked source, for each byte of its package. */
    private static final long UNPACKED_FACTOR = 12;

    /** The same everywhere, and nothing of a make that we may be running under. */
    static final Map<String, String> ENVIRONMENT =
            Map.of(
                    "LC_ALL", "C",
                    "MAKEFLAGS", "",
                    "KBUILD_BUILD_USER", "nestor",
                    "KBUILD_BUILD_HOST", "lab",
                    "KBUILD_BUILD_TIMESTAMP", "Thu Jan  1 00:00:00 UTC 1970");

    private static final long LOOK_NANOS = TimeUnit.SECONDS.toNanos(2);

    private final LabConfiguration lab;
    private final CacheDirectory cache;
    private final AptRoot apt;
    private final HostPrograms programs;
    private final Progress progress;

    /**
     * @param cache for the result; its lock is held only to put it there
     * @param apt updated
     */
    LabKernel(
            LabConfiguration lab,
            CacheDirectory cache,
            AptRoot apt,
            HostPrograms programs,
            Progress progress) {
        this.lab = lab;
        this.cache = cache;
        this.apt = apt;
        this.programs = programs;
        this.progress = progress;
    }

    /**
     * Builds it unless the same was built before.
     *
     * @param folder for the source and what is made of it, empty
     * @return the name of its entry among the kernels
     */
    String build(Path folder) throws ImageException, IOException, InterruptedException {
        DebianPackage source = source();
        String version = source.version().replaceFirst("-.*", "");
        String key = lab.ingredients().with(source.toString()).hex();
        String name = version + "-lab-" + lab.architecture() + "-" + key;
        if (cache.find(DebianFetch.KERNELS, name).isPresent()) {
            return name;
        }
        programs.requireAll(lab.tools(System.getProperty("os.arch", "")));
        checkRoom(source);
        Path tree = Files.createDirectory(folder.resolve("linux"));
        Path built = Files.createDirectory(folder.resolve("build"));
        Path deb = apt.download(source.name(), List.of(source), folder).getFirst();
        try (Progress.Task task = progress.begin("unpacking " + source.name(), Files.size(deb))) {
            KernelSource.unpack(deb, tree, task);
        }
        Files.delete(deb);
        configure(version, tree, built);
        Optional<Path> same = same(version, source, built);
        if (same.isPresent()) {
            make(version, tree, built, List.of("modules_prepare"), () -> {});
        } else {
            compile(version, tree, built);
        }
        for (OwnModule module : lab.modules()) {
            compile(module, version, tree, built);
        }
        try (CacheDirectory.Lock lock = cache.lock(progress)) {
            Parts parts = same.<Parts>map(Earlier::new).orElseGet(() -> new Built(built));
            lock.add(
                    DebianFetch.KERNELS, name, entry -> keep(version, source, parts, built, entry));
        }
        return name;
    }

    /**
     * A kernel of the same source, compiler and options, whose modules of ours are other ones: they
     * are built out of the tree, so its image is what this build would make.
     */
    private Optional<Path> same(String version, DebianPackage source, Path built)
            throws IOException {
        String prefix = version + "-lab-" + lab.architecture() + "-";
        String config = Files.readString(built.resolve(".config"));
        for (CachedImage kernel : cache.list(DebianFetch.KERNELS)) {
            Optional<Path> folder =
                    kernel.name().startsWith(prefix)
                            ? cache.find(DebianFetch.KERNELS, kernel.name())
                            : Optional.empty();
            if (folder.isPresent()
                    && Files.readString(folder.get().resolve("config")).equals(config)
                    && DebianFetch.isOf(folder.get(), source)) {
                return folder;
            }
        }
        return Optional.empty();
    }

    private DebianPackage source() throws ImageException, IOException, InterruptedException {
        DebianPackage newest = apt.show(SOURCE, AptRoot.BACKPORTS);
        String named =
                newest.depends().stream()
                        .filter(depend -> depend.startsWith(SOURCE + "-"))
                        .findFirst()
                        .orElseThrow(
                                () -> new ImageException("package " + SOURCE + " names no source"));
        return apt.show(named, AptRoot.BACKPORTS);
    }

    private void checkRoom(DebianPackage source) throws ImageException {
        long needed = UNPACKED_FACTOR * source.sizeBytes() + lab.builtBytes();
        if (cache.root().toFile().getUsableSpace() < needed) {
            throw new ImageException(
                    CacheDirectory.diskFull(cache.root())
                            + " (about "
                            + (needed >> 20)
                            + " MiB are needed until the kernel is built)");
        }
    }

    private void configure(String version, Path tree, Path built)
            throws ImageException, IOException, InterruptedException {
        Path wanted = built.resolve("lab.config");
        Files.writeString(wanted, lab.configuration());
        make(version, tree, built, List.of("KCONFIG_ALLCONFIG=" + wanted, "allnoconfig"), () -> {});
        List<String> refused =
                refused(lab.configuration(), Files.readString(built.resolve(".config")));
        if (!refused.isEmpty()) {
            throw new ImageException(
                    "Linux %s does not take these options of the lab kernel: %s"
                            .formatted(version, String.join(", ", refused)));
        }
    }

    /** The options that the kernel's own configuration did not keep. */
    static List<String> refused(String wanted, String got) {
        Set<String> lines = got.lines().collect(Collectors.toSet());
        return wanted.lines()
                .filter(line -> line.matches("CONFIG_.*|# CONFIG_\\w+ is not set"))
                .filter(line -> !lines.contains(line))
                .toList();
    }

    private void compile(String version, Path tree, Path built)
            throws ImageException, IOException, InterruptedException {
        try (Progress.Task task = progress.begin("compiling linux " + version, lab.builtBytes())) {
            long[] last = {CacheDirectory.sizeBytes(built), System.nanoTime()};
            make(
                    version,
                    tree,
                    built,
                    List.of(
                            "-j" + Runtime.getRuntime().availableProcessors(),
                            lab.target(),
                            "modules"),
                    () -> {
                        if (System.nanoTime() - last[1] >= LOOK_NANOS) {
                            long now = CacheDirectory.sizeBytes(built);
                            task.advance(Math.max(0, now - last[0]));
                            last[0] = Math.max(last[0], now);
                            last[1] = System.nanoTime();
                        }
                    });
        }
    }

    /** The files of a kernel that are Linux's own. */
    private interface Parts {
        Path image();

        void addLinuxModules(ZipOutputStream zip) throws IOException;
    }

    private final class Built implements Parts {
        private final Path folder;

        Built(Path folder) {
            this.folder = folder;
        }

        @Override
        public Path image() {
            return folder.resolve(lab.image());
        }

        @Override
        public void addLinuxModules(ZipOutputStream zip) throws IOException {
            // Who asks for a driver by name finds here that it is built in.
            add(zip, folder.resolve(BUILT_IN));
            for (String module : lab.linuxModules()) {
                add(zip, folder.resolve(module));
            }
        }
    }

    private final class Earlier implements Parts {
        private final Path entry;

        Earlier(Path entry) {
            this.entry = entry;
        }

        @Override
        public Path image() {
            return entry.resolve(KernelUnpacker.IMAGE);
        }

        @Override
        public void addLinuxModules(ZipOutputStream zip) throws IOException {
            try (ZipFile old = new ZipFile(entry.resolve(KernelUnpacker.MODULES).toFile())) {
                copy(old, BUILT_IN, zip);
                for (String module : lab.linuxModules()) {
                    copy(old, String.valueOf(Path.of(module).getFileName()), zip);
                }
            }
        }
    }

    private static void copy(ZipFile from, String name, ZipOutputStream to) throws IOException {
        ZipEntry entry = from.getEntry(name);
        if (entry == null) {
            throw new IOException(from.getName() + " has no " + name);
        }
        ZipEntry copied = new ZipEntry(name);
        copied.setTime(0);
        to.putNextEntry(copied);
        try (InputStream content = from.getInputStream(entry)) {
            content.transferTo(to);
        }
        to.closeEntry();
    }

    /** A module of ours, out of the tree as anybody's would be. */
    private void compile(OwnModule module, String version, Path tree, Path built)
            throws ImageException, IOException, InterruptedException {
        Path folder = Files.createDirectory(built.resolveSibling(module.name()));
        module.writeSourcesTo(folder);
        List<String> arguments = new ArrayList<>(List.of("M=" + folder, "modules"));
        if (!Files.exists(built.resolve(SYMBOLS))) {
            // Only a kernel that is built here says which symbols there are.
            arguments.add("KBUILD_MODPOST_WARN=1");
        }
        make(version, tree, built, arguments, () -> {});
    }

    private void make(String version, Path tree, Path built, List<String> arguments, Runnable tick)
            throws ImageException, IOException, InterruptedException {
        List<String> command =
                new ArrayList<>(
                        List.of(
                                "make",
                                "-s",
                                "O=" + built,
                                "ARCH=" + lab.linuxName(),
                                "CROSS_COMPILE=" + lab.compiler().triplet() + "-"));
        command.addAll(arguments);
        ChildProcess.Result ended = ChildProcess.run(command, tree, ENVIRONMENT, tick);
        if (ended.status() != 0) {
            throw new ImageException(
                    "linux " + version + " does not build: " + HostPrograms.complaint(ended));
        }
    }

    private void keep(String version, DebianPackage source, Parts parts, Path built, Path entry)
            throws IOException {
        Files.copy(parts.image(), entry.resolve(KernelUnpacker.IMAGE));
        Files.copy(built.resolve(".config"), entry.resolve("config"));
        try (OutputStream file = Files.newOutputStream(entry.resolve(KernelUnpacker.MODULES));
                ZipOutputStream zip = new ZipOutputStream(file)) {
            parts.addLinuxModules(zip);
            for (OwnModule module : lab.modules()) {
                add(zip, built.resolveSibling(module.name()).resolve(module.output()));
            }
        }
        DebianFetch.describe(entry, lab.architecture(), version + "-lab", List.of(source));
    }

    private static void add(ZipOutputStream zip, Path file) throws IOException {
        ZipEntry entry = new ZipEntry(String.valueOf(file.getFileName()));
        entry.setTime(0);
        zip.putNextEntry(entry);
        Files.copy(file, zip);
        zip.closeEntry();
    }
}
