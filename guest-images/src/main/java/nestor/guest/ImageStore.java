package nestor.guest;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;

/**
 * Guest images, cached by content under {@code ${XDG_CACHE_HOME:-~/.cache}/nestor}. What {@code
 * stable} or {@code backports} means is looked up once and then stays until {@link #refresh()}, so
 * that a second run needs no network. Several processes may use one cache.
 */
public final class ImageStore {
    /** The release of the lab kernel. */
    public static final String LAB = LabKernel.RELEASE;

    private static final String INITRAMFS = "initramfs";
    private static final String SELECTIONS = "selections";
    private static final String WORKSHOP = "workshop";
    private static final List<String> PROGRAM_FLAGS =
            List.of("-O2", "-std=gnu17", "-Wall", "-Wextra", "-Werror", "-static", "-s");

    private final CacheDirectory cache;
    private final Path machine;
    private final Progress progress;

    ImageStore(Path root, Path machine, Progress progress) {
        this.cache = new CacheDirectory(root);
        this.machine = machine;
        this.progress = progress;
    }

    /** The user's cache. Nothing is read or made before it is used. */
    public static ImageStore open(Progress progress) {
        String configured = System.getenv().getOrDefault("XDG_CACHE_HOME", "");
        // The XDG base directory specification says to ignore a relative path.
        Path base =
                configured.startsWith("/")
                        ? Path.of(configured)
                        : Path.of(System.getProperty("user.home"), ".cache");
        return new ImageStore(base.resolve("nestor"), Path.of("/"), progress);
    }

    /** Where the cache is. */
    public Path folder() {
        return cache.root();
    }

    /**
     * A Debian kernel, fetched if it is not in the cache.
     *
     * @param architecture Debian's name, such as {@code arm64}
     * @param release {@code stable}, {@code backports}, the beginning of a release such as {@code
     *     6.12.94}, or {@link #LAB}, which is built on this machine
     */
    public Kernel kernel(String architecture, String release) throws ImageException {
        checkName("an architecture", architecture, "[a-z0-9]+");
        checkName("a kernel release", release, "[0-9A-Za-z][0-9A-Za-z.+~_-]*");
        return guarded(() -> {
            String selection = selection(architecture, release);
            Optional<Kernel> cached = cachedKernel(selection);
            if (cached.isEmpty()) {
                if (release.equals(LAB)) {
                    buildLab(lab(architecture), selection);
                } else {
                    fetch(architecture, Optional.of(release));
                }
                cached = cachedKernel(selection);
            }
            return cached.orElseThrow(() -> vanished(selection));
        });
    }

    private static String selection(String architecture, String release)
            throws ImageException, IOException {
        if (!release.equals(LAB)) {
            return architecture + "-" + release;
        }
        return lab(architecture).selection();
    }

    private static LabConfiguration lab(String architecture) throws ImageException {
        return LabConfiguration.of(architecture)
                .orElseThrow(
                        () -> new ImageException("there is no lab kernel for " + architecture));
    }

    private Optional<Kernel> cachedKernel(String selection) {
        return selected(DebianFetch.KERNELS, selection).flatMap(ImageStore::describedKernel);
    }

    /**
     * An initramfs for a kernel, built if it is not in the cache.
     *
     * @return a cpio archive, not compressed
     */
    public Path initramfs(Kernel kernel, GuestProfile profile) throws ImageException {
        return guarded(() -> {
            String architecture = kernel.architecture();
            Optional<Path> busybox = selected(DebianFetch.PROGRAMS, architecture);
            if (busybox.isEmpty()) {
                fetch(architecture, Optional.empty());
                busybox = selected(DebianFetch.PROGRAMS, architecture);
            }
            Path program =
                    busybox.orElseThrow(() -> vanished(DebianFetch.BUSYBOX))
                            .resolve(DebianFetch.BUSYBOX);
            Optional<Path> packages =
                    profile.packages().isEmpty()
                            ? Optional.empty()
                            : Optional.of(packages(architecture, profile.packages()));
            return initramfs(kernel, profile, Files.readAllBytes(program), packages);
        });
    }

    /** An archive of programs of Debian, fetched if it is not in the cache. */
    private Path packages(String architecture, List<String> names)
            throws ImageException, IOException, InterruptedException {
        ContentKey key = new ContentKey();
        names.forEach(key::with);
        String selection = architecture + "-packages-" + key.hex();
        if (selected(DebianFetch.PROGRAMS, selection).isEmpty()) {
            try (CacheDirectory.Lock lock = lock()) {
                fetch(
                        lock,
                        architecture,
                        fetch ->
                                select(
                                        lock,
                                        DebianFetch.PROGRAMS,
                                        selection,
                                        fetch.packages(names)));
            }
        }
        return selected(DebianFetch.PROGRAMS, selection)
                .orElseThrow(() -> vanished("packages"))
                .resolve(DebianPrograms.ARCHIVE);
    }

    private Path initramfs(
            Kernel kernel, GuestProfile profile, byte[] busybox, Optional<Path> packages)
            throws ImageException, IOException, InterruptedException {
        Map<String, byte[]> files = GuestFiles.all();
        for (String program : profile.programs()) {
            files.put("bin/" + program, Files.readAllBytes(compiled(kernel, program)));
        }
        ContentKey key = new ContentKey().with(kernel.key()).with(busybox);
        packages.ifPresent(archive -> key.with(archive.toString()));
        profile.modules().forEach(key::with);
        SequencedMap<String, byte[]> ownModules = ownModules(kernel, profile);
        ownModules.forEach((_, content) -> key.with(content));
        files.forEach((path, content) -> key.with(path).with(content));
        String name = kernel.release() + "-" + profile.name() + "-" + key.hex();
        Optional<Path> cached = cache.find(INITRAMFS, name);
        if (cached.isPresent()) {
            return cached.get().resolve(INITRAMFS);
        }
        try (CacheDirectory.Lock lock = lock();
                ModuleArchive modules = new ModuleArchive(kernel.modules())) {
            ownModules.forEach(modules::add);
            CpioArchive archive =
                    Initramfs.of(busybox, files, modules.inLoadOrder(profile.modules()));
            return lock.add(
                            INITRAMFS,
                            name,
                            folder -> {
                                try (OutputStream file =
                                                Files.newOutputStream(folder.resolve(INITRAMFS));
                                        OutputStream buffered =
                                                new BufferedOutputStream(file, 1 << 16)) {
                                    archive.writeTo(buffered);
                                    if (packages.isPresent()) {
                                        Files.copy(packages.get(), buffered);
                                    }
                                }
                            })
                    .resolve(INITRAMFS);
        }
    }

    /** Modules that the profile wants, the kernel has not, and we have. */
    private SequencedMap<String, byte[]> ownModules(Kernel kernel, GuestProfile profile)
            throws ImageException, IOException, InterruptedException {
        SequencedMap<String, byte[]> own = new LinkedHashMap<>();
        try (ModuleArchive modules = new ModuleArchive(kernel.modules())) {
            for (String name : profile.modules()) {
                Optional<OwnModule> module = OwnModule.forStockKernels(name);
                if (module.isPresent() && !modules.has(name)) {
                    own.put(name, Files.readAllBytes(built(kernel, module.get())));
                }
            }
        }
        return own;
    }

    private Path built(Kernel kernel, OwnModule module)
            throws ImageException, IOException, InterruptedException {
        String name = ModuleBuild.key(kernel, module);
        Optional<Path> cached = cache.find(CrossCompiler.KIND, name);
        if (cached.isPresent()) {
            return cached.get().resolve(module.output());
        }
        DebianMirror mirror = DebianMirror.find(machine);
        HostPrograms programs = HostPrograms.ofHost(progress);
        try (CacheDirectory.Lock lock = lock()) {
            return lock.add(
                            CrossCompiler.KIND,
                            name,
                            entry ->
                                    lock.scratch(folder ->
                                            Files.move(
                                                    new ModuleBuild(mirror, programs, progress)
                                                            .build(kernel, module, folder),
                                                    entry.resolve(module.output()))))
                    .resolve(module.output());
        }
    }

    /**
     * An initramfs for a kernel, with Java under {@code /java} and more files of the caller's.
     *
     * @param files by path, made programs
     * @param target is written
     */
    public void javaInitramfs(
            Kernel kernel, GuestProfile profile, Map<String, byte[]> files, Path target)
            throws ImageException {
        Path base = initramfs(kernel, profile);
        guarded(() -> {
            String architecture = kernel.architecture();
            Optional<Path> runtime =
                    selected(JavaRuntime.KIND, JavaRuntime.selection(architecture));
            if (runtime.isEmpty()) {
                fetchRuntime(architecture);
                runtime = selected(JavaRuntime.KIND, JavaRuntime.selection(architecture));
            }
            Path java = runtime.orElseThrow(() -> vanished("Java"));
            CpioArchive archive = new CpioArchive();
            files.forEach(archive::program);
            // The kernel unpacks one archive after the other.
            try (OutputStream file = Files.newOutputStream(target);
                    OutputStream buffered = new BufferedOutputStream(file, 1 << 16)) {
                Files.copy(base, buffered);
                Files.copy(java.resolve(JavaRuntime.FILE), buffered);
                archive.writeTo(buffered);
            }
            return target;
        });
    }

    private void fetchRuntime(String architecture)
            throws ImageException, IOException, InterruptedException {
        try (CacheDirectory.Lock lock = lock()) {
            if (selected(JavaRuntime.KIND, JavaRuntime.selection(architecture)).isPresent()) {
                return;
            }
            DebianMirror mirror = DebianMirror.find(machine);
            lock.scratch(root -> {
                AptRoot apt = new AptRoot(root, architecture, mirror, progress);
                apt.update();
                DebianFetch fetch = new DebianFetch(cache, lock, apt, architecture, progress);
                select(
                        lock,
                        JavaRuntime.KIND,
                        JavaRuntime.selection(architecture),
                        fetch.runtime());
            });
        }
    }

    /** The image of a bare-metal suite, compiled if it is not in the cache. */
    public Path bareSuite(BareKit kit) throws ImageException {
        return guarded(() ->
                CrossCompiler.ofHost(kit.architecture(), cache, progress)
                        .kernel(kit.sources(), kit.architecture().freestanding(), kit.image()));
    }

    private Path compiled(Kernel kernel, String program)
            throws ImageException, IOException, InterruptedException {
        Architecture architecture = Architecture.ofDebian(kernel.architecture());
        return CrossCompiler.ofHost(architecture, cache, progress)
                .compile(GuestFiles.sources(program), PROGRAM_FLAGS, program);
    }

    /**
     * Fetches busybox and, if a release is given, a kernel, so that the package index is fetched
     * once for both.
     */
    private void fetch(String architecture, Optional<String> release)
            throws ImageException, IOException, InterruptedException {
        try (CacheDirectory.Lock lock = lock()) {
            String selection = architecture + "-" + release.orElse("");
            // Another process may have done it while this one waited for the lock.
            boolean kernelMissing = release.isPresent() && cachedKernel(selection).isEmpty();
            boolean busyboxMissing = selected(DebianFetch.PROGRAMS, architecture).isEmpty();
            if (!kernelMissing && !busyboxMissing) {
                return;
            }
            fetch(
                    lock,
                    architecture,
                    fetch -> {
                        if (kernelMissing) {
                            select(
                                    lock,
                                    DebianFetch.KERNELS,
                                    selection,
                                    fetch.kernel(release.get()));
                        }
                        if (busyboxMissing) {
                            select(lock, DebianFetch.PROGRAMS, architecture, fetch.busybox());
                        }
                    });
        }
    }

    private interface Fetching {
        void by(DebianFetch fetch) throws ImageException, IOException, InterruptedException;
    }

    /** Fetches with an index of the moment. */
    private void fetch(CacheDirectory.Lock lock, String architecture, Fetching fetching)
            throws ImageException, IOException, InterruptedException {
        DebianMirror mirror = DebianMirror.find(machine);
        lock.scratch(root -> {
            AptRoot apt = new AptRoot(root, architecture, mirror, progress);
            apt.update();
            fetching.by(new DebianFetch(cache, lock, apt, architecture, progress));
        });
    }

    /** Builds under a lock of its own: it takes minutes, and others need the cache meanwhile. */
    private void buildLab(LabConfiguration lab, String selection)
            throws ImageException, IOException, InterruptedException {
        try (CacheDirectory.Lock building = workshop().lock(progress)) {
            if (cachedKernel(selection).isPresent()) {
                return;
            }
            DebianMirror mirror = DebianMirror.find(machine);
            building.scratch(folder -> {
                Path root = Files.createDirectory(folder.resolve("apt"));
                AptRoot apt = new AptRoot(root, lab.architecture(), mirror, progress);
                apt.update();
                HostPrograms programs = HostPrograms.ofHost(progress);
                String name = new LabKernel(lab, cache, apt, programs, progress).build(folder);
                try (CacheDirectory.Lock lock = lock()) {
                    select(lock, DebianFetch.KERNELS, selection, name);
                }
            });
        }
    }

    /** Where kernels are built; nothing stays there. */
    private CacheDirectory workshop() {
        return new CacheDirectory(cache.root().resolve(WORKSHOP));
    }

    /** What is in the cache. */
    public List<CachedImage> list() throws ImageException {
        return guarded(() -> {
            List<CachedImage> images = new ArrayList<>();
            for (String kind :
                    List.of(
                            DebianFetch.KERNELS,
                            INITRAMFS,
                            DebianFetch.PROGRAMS,
                            JavaRuntime.KIND,
                            CrossCompiler.KIND)) {
                images.addAll(cache.list(kind));
            }
            return images;
        });
    }

    /**
     * Forgets which kernels {@code stable} and {@code backports} are: the next use asks Debian
     * again.
     */
    public void refresh() throws ImageException {
        guarded(() -> {
            try (CacheDirectory.Lock lock = lock()) {
                lock.drop(cache.root().resolve(SELECTIONS));
                return this;
            }
        });
    }

    /**
     * Empties the cache.
     *
     * @return the bytes that were in it
     */
    public long clear() throws ImageException {
        return guarded(() -> {
            if (!Files.exists(cache.root())) {
                return 0L;
            }
            // This lock clears what a crashed build left; one that is under way ends first.
            workshop().lock(progress).close();
            try (CacheDirectory.Lock lock = lock()) {
                long before = CacheDirectory.sizeBytes(cache.root());
                for (String kind :
                        List.of(
                                SELECTIONS,
                                DebianFetch.KERNELS,
                                INITRAMFS,
                                DebianFetch.PROGRAMS,
                                JavaRuntime.KIND,
                                CrossCompiler.KIND)) {
                    lock.drop(cache.root().resolve(kind));
                }
                return before;
            }
        });
    }

    private CacheDirectory.Lock lock() throws IOException, InterruptedException {
        return cache.lock(progress);
    }

    private static Optional<Kernel> describedKernel(Path folder) {
        try {
            Map<String, String> entry =
                    ControlFile.parse(Files.readString(folder.resolve(DebianFetch.DESCRIPTION)))
                            .getFirst();
            return Optional.of(
                    new Kernel(
                            entry.getOrDefault("architecture", ""),
                            entry.getOrDefault("release", ""),
                            folder.getFileName().toString(),
                            folder.resolve(KernelUnpacker.IMAGE),
                            folder.resolve(KernelUnpacker.MODULES)));
        } catch (IOException e) {
            // Cleared by another process between the two looks.
            return Optional.empty();
        }
    }

    /** The entry which a selection stands for, if both are there. */
    private Optional<Path> selected(String kind, String selection) {
        try {
            Path file =
                    cache.entry(SELECTIONS, kind + "-" + selection)
                            .resolve(DebianFetch.DESCRIPTION);
            return cache.find(kind, Files.readString(file));
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    private void select(CacheDirectory.Lock lock, String kind, String selection, String name)
            throws IOException, ImageException, InterruptedException {
        lock.drop(cache.entry(SELECTIONS, kind + "-" + selection));
        lock.add(
                SELECTIONS,
                kind + "-" + selection,
                folder -> Files.writeString(folder.resolve(DebianFetch.DESCRIPTION), name));
    }

    private static ImageException vanished(String what) {
        return new ImageException(
                "another process has cleared " + what + " from the image cache: try again");
    }

    private static void checkName(String what, String name, String pattern) throws ImageException {
        if (!name.matches(pattern)) {
            throw new ImageException("\"" + name + "\" cannot be " + what);
        }
    }

    private interface Step<T> {
        T run() throws ImageException, IOException, InterruptedException;
    }

    /** Turns what the disk and the user can do to us into one line. */
    private <T> T guarded(Step<T> step) throws ImageException {
        try {
            return step.run();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new ImageException("interrupted; the image cache has no partial entry", e);
        } catch (AccessDeniedException e) {
            throw new ImageException(
                    "no permission for "
                            + e.getFile()
                            + " of the image cache; set XDG_CACHE_HOME to a folder of your own",
                    e);
        } catch (IOException e) {
            String message =
                    e instanceof FileSystemException file ? file.getReason() : e.getMessage();
            if (message != null
                    && (message.contains(CacheDirectory.NO_SPACE)
                            || message.contains("Disk quota exceeded"))) {
                throw new ImageException(CacheDirectory.diskFull(cache.root()), e);
            }
            throw new ImageException("cannot use the image cache " + cache.root() + ": " + e, e);
        }
    }
}
