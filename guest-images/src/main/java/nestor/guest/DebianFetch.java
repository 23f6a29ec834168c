package nestor.guest;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/** Brings Debian packages into the cache. Everything here happens under the cache's lock. */
final class DebianFetch {
    static final String KERNELS = "kernels";
    static final String PROGRAMS = "programs";
    static final String DESCRIPTION = "entry";
    static final String BUSYBOX = "busybox";
    private static final String BUSYBOX_PACKAGE = "busybox-static";

    private final CacheDirectory cache;
    private final CacheDirectory.Lock lock;
    private final AptRoot apt;
    private final String architecture;
    private final Progress progress;

    /**
     * Makes ready.
     *
     * @param apt for this architecture, updated
     */
    DebianFetch(
            CacheDirectory cache,
            CacheDirectory.Lock lock,
            AptRoot apt,
            String architecture,
            Progress progress) {
        this.cache = cache;
        this.lock = lock;
        this.apt = apt;
        this.architecture = architecture;
        this.progress = progress;
    }

    /**
     * Fetches a kernel unless the very same packages are in the cache.
     *
     * @return the name of its entry
     */
    String kernel(String wanted) throws ImageException, IOException, InterruptedException {
        KernelPackages found = KernelPackages.resolve(apt, architecture, wanted);
        String name = found.release() + "-" + key(found.packages());
        if (cache.find(KERNELS, name).isEmpty()) {
            checkRoom(found.packages());
            lock.scratch(downloads -> {
                List<Path> debs =
                        apt.download("linux " + found.release(), found.packages(), downloads);
                lock.add(
                        KERNELS,
                        name,
                        folder -> {
                            KernelUnpacker.unpack(found.release(), debs, folder, progress);
                            describe(folder, architecture, found.release(), found.packages());
                        });
            });
        }
        return name;
    }

    /**
     * Fetches the statically linked busybox of Debian stable.
     *
     * @return the name of its entry
     */
    String busybox() throws ImageException, IOException, InterruptedException {
        List<DebianPackage> packages = List.of(apt.show(BUSYBOX_PACKAGE, AptRoot.STABLE));
        String name = BUSYBOX + "-" + architecture + "-" + key(packages);
        if (cache.find(PROGRAMS, name).isEmpty()) {
            lock.scratch(downloads -> {
                Path deb = apt.download(BUSYBOX, packages, downloads).getFirst();
                lock.add(PROGRAMS, name, folder -> unpackBusybox(deb, folder));
            });
        }
        return name;
    }

    /**
     * Fetches packages of Debian stable and those they depend on.
     *
     * @return the name of their entry
     */
    String packages(List<String> names) throws ImageException, IOException, InterruptedException {
        List<DebianPackage> packages = DebianPrograms.closure(apt, names);
        ContentKey key = new ContentKey().with(DebianPrograms.LEFT_OUT.pattern());
        packages.stream().map(DebianPackage::toString).sorted().forEach(key::with);
        String name = "packages-" + architecture + "-" + key.hex();
        if (cache.find(PROGRAMS, name).isEmpty()) {
            checkRoom(packages);
            lock.scratch(downloads -> {
                List<Path> debs = apt.download(packages.size() + " packages", packages, downloads);
                lock.add(
                        PROGRAMS,
                        name,
                        folder -> {
                            DebianPrograms.unpack(debs, folder, progress);
                            describe(folder, architecture, AptRoot.STABLE, packages);
                        });
            });
        }
        return name;
    }

    private void unpackBusybox(Path deb, Path folder) throws IOException, ImageException {
        Path program = folder.resolve(BUSYBOX);
        try (Progress.Task task = progress.begin("unpacking busybox", Files.size(deb))) {
            DebArchive.visit(
                    deb,
                    task,
                    (path, content) -> {
                        if (path.endsWith("bin/busybox")) {
                            Files.copy(content, program);
                        }
                    });
        }
        if (!Files.exists(program)) {
            throw new ImageException("the package " + BUSYBOX_PACKAGE + " has no busybox in it");
        }
    }

    /**
     * Fetches the Java runtime of guests.
     *
     * @return the name of its entry
     */
    String runtime() throws ImageException, IOException, InterruptedException {
        List<DebianPackage> packages = new ArrayList<>();
        for (String each : JavaRuntime.PACKAGES) {
            packages.add(apt.show(each, AptRoot.STABLE));
        }
        String name = JavaRuntime.selection(architecture) + "-" + key(packages);
        if (cache.find(JavaRuntime.KIND, name).isEmpty()) {
            checkRoom(packages);
            lock.scratch(downloads -> {
                List<Path> debs = apt.download("Java for the guest", packages, downloads);
                Path unpacked = Files.createDirectory(downloads.resolve("unpacked"));
                CpioArchive archive = JavaRuntime.unpack(debs, unpacked, progress);
                lock.add(
                        JavaRuntime.KIND,
                        name,
                        folder -> {
                            try (OutputStream file =
                                            Files.newOutputStream(
                                                    folder.resolve(JavaRuntime.FILE));
                                    OutputStream buffered =
                                            new BufferedOutputStream(file, 1 << 16)) {
                                archive.writeTo(buffered);
                            }
                        });
            });
        }
        return name;
    }

    private void checkRoom(List<DebianPackage> packages) throws IOException, ImageException {
        // The packages, and what comes out of them: about twice as much.
        long needed = 3 * packages.stream().mapToLong(DebianPackage::sizeBytes).sum();
        if (cache.root().toFile().getUsableSpace() < needed) {
            throw new ImageException(
                    CacheDirectory.diskFull(cache.root())
                            + " (about "
                            + (needed >> 20)
                            + " MiB are needed)");
        }
    }

    /** Writes down what an entry is, for whoever finds it in the cache. */
    static void describe(
            Path folder, String architecture, String release, List<DebianPackage> packages)
            throws IOException {
        Files.writeString(
                folder.resolve(DESCRIPTION),
                "Architecture: "
                        + architecture
                        + "\nRelease: "
                        + release
                        + "\nPackages:\n"
                        + packages.stream()
                                .map(each -> " " + each + "\n")
                                .collect(Collectors.joining()));
    }

    /** Whether {@link #describe} named {@code source} among the packages. */
    static boolean isOf(Path folder, DebianPackage source) throws IOException {
        return Files.readString(folder.resolve(DESCRIPTION)).contains("\n " + source + "\n");
    }

    private static String key(List<DebianPackage> packages) {
        ContentKey key = new ContentKey();
        packages.stream().map(DebianPackage::toString).sorted().forEach(key::with);
        return key.hex();
    }
}
