package nestor.guest;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import java.util.stream.Stream;

/**
 * Builds a module of ours for a kernel of Debian's, with what Debian has for that and this
 * machine's compiler (Linux, Documentation/kbuild/modules.rst).
 */
final class ModuleBuild {
    private final DebianMirror mirror;
    private final HostPrograms programs;
    private final Progress progress;

    ModuleBuild(DebianMirror mirror, HostPrograms programs, Progress progress) {
        this.mirror = mirror;
        this.programs = programs;
        this.progress = progress;
    }

    /** Names the result: by the kernel's packages and the module's source. */
    static String key(Kernel kernel, OwnModule module) throws IOException {
        ContentKey key = new ContentKey().with(kernel.key());
        module.addTo(key);
        return module.name() + "-" + kernel.release() + "-" + key.hex();
    }

    /**
     * Builds it.
     *
     * @param folder for everything needed, empty
     * @return the module's file, in that folder
     */
    Path build(Kernel kernel, OwnModule module, Path folder)
            throws ImageException, IOException, InterruptedException {
        Architecture guest = Architecture.ofDebian(kernel.architecture());
        String machine = System.getProperty("os.arch", "");
        Architecture host = Architecture.ofMachine(machine);
        SequencedMap<String, List<String>> tools = new LinkedHashMap<>();
        tools.put(guest.compiler(), guest.packagesOn(machine));
        tools.put("make", List.of("make"));
        programs.requireAll(tools);

        AptRoot apt = apt(folder, guest);
        List<DebianPackage> headers = KernelHeaders.packages(apt, kernel.release());
        AptRoot hostApt = host.equals(guest) ? apt : apt(folder, host);
        List<DebianPackage> hosts = KernelHeaders.programs(hostApt, headers.getFirst());
        Path downloads = Files.createDirectory(folder.resolve("downloads"));
        List<Path> debs =
                Stream.concat(
                                apt.download("headers of linux", headers, downloads).stream(),
                                hostApt.download("makefiles of linux", hosts, downloads).stream())
                        .toList();
        KernelHeaders unpacked =
                KernelHeaders.unpack(
                        headers,
                        debs,
                        Files.createDirectory(folder.resolve("headers")),
                        host.triplet(),
                        progress);
        return make(guest, unpacked, kernel, module, folder);
    }

    private AptRoot apt(Path folder, Architecture architecture)
            throws ImageException, IOException, InterruptedException {
        Path root = Files.createDirectory(folder.resolve("apt-" + architecture.debianName()));
        AptRoot apt = new AptRoot(root, architecture.debianName(), mirror, progress);
        apt.update();
        return apt;
    }

    private Path make(
            Architecture guest, KernelHeaders headers, Kernel kernel, OwnModule module, Path folder)
            throws ImageException, IOException, InterruptedException {
        Path sources = Files.createDirectory(folder.resolve(module.name()));
        module.writeSourcesTo(sources);
        List<String> command =
                List.of(
                        "make",
                        "-s",
                        "O=" + headers.build(),
                        "ARCH=" + guest.linuxName(),
                        "CROSS_COMPILE=" + guest.triplet() + "-",
                        // Not the version that the kernel was compiled with; and an option of
                        // GCC 14 for which others have the older -falign-functions.
                        "CC=" + guest.compiler(),
                        "CONFIG_CC_HAS_MIN_FUNCTION_ALIGNMENT=",
                        "M=" + sources,
                        "modules");
        try (Progress.Task task = progress.begin("compiling " + module.name(), -1)) {
            ChildProcess.Result ended =
                    ChildProcess.run(
                            command,
                            headers.source(),
                            LabKernel.ENVIRONMENT,
                            () -> task.advance(0));
            Path output = sources.resolve(module.output());
            if (ended.status() != 0 || !Files.exists(output)) {
                throw new ImageException(
                        "%s does not build for linux %s: %s"
                                .formatted(
                                        module.name(),
                                        kernel.release(),
                                        HostPrograms.complaint(ended)));
            }
            return output;
        }
    }
}
