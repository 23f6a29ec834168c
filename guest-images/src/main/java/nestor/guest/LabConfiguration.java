package nestor.guest;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;

/**
 * What a lab kernel of one architecture is made of, but for Linux's source.
 *
 * @param compiler of the kernel
 * @param architecture Debian's name
 * @param linuxName what Linux's makefiles call the architecture
 * @param options our options, a resource; whatever they do not name is off
 * @param image what is booted, made by the makefile's target of the same name
 * @param modules of ours
 * @param linuxModules Linux's own modules that are not built in, as another of ours may take their
 *     place
 * @param headers that programs of the build are compiled with on this machine, and their packages
 * @param builtBytes what the compiler leaves, about
 */
record LabConfiguration(
        Architecture compiler,
        String architecture,
        String linuxName,
        String options,
        String image,
        List<Module> modules,
        List<String> linuxModules,
        Map<String, String> headers,
        long builtBytes) {
    /**
     * A module of ours, built out of the tree.
     *
     * @param folder of its sources among the resources
     */
    record Module(String name, String folder, List<String> files) {
        String source(String file) throws IOException {
            return resource(folder + "/" + file);
        }
    }

    private static final Module DRAINED_UIO =
            new Module("uio_pci_sva_drain", "lab/module", List.of("Kbuild", "uio_pci_sva_drain.c"));

    private static final Module VIRTIO_IOMMU_WITH_TABLES =
            new Module(
                    "virtio_iommu_tables",
                    "lab/viommu",
                    List.of(
                            "Kbuild",
                            "abi.h",
                            "viommu.h",
                            "device.c",
                            "requests.c",
                            "endpoint.c",
                            "contexts.c",
                            "attach.c",
                            "table_domain.c",
                            "map_domain.c",
                            "sva.c",
                            "events.c"));

    static final LabConfiguration ARM64 =
            new LabConfiguration(
                    Architecture.ARM64,
                    "arm64",
                    "arm64",
                    "lab/lab-arm64.config",
                    "arch/arm64/boot/Image",
                    List.of(DRAINED_UIO, VIRTIO_IOMMU_WITH_TABLES),
                    List.of("drivers/iommu/virtio-iommu.ko"),
                    Map.of(),
                    130_000_000);

    static final LabConfiguration AMD64 =
            new LabConfiguration(
                    Architecture.X86_64,
                    "amd64",
                    "x86_64",
                    "lab/lab-amd64.config",
                    "arch/x86/boot/bzImage",
                    List.of(DRAINED_UIO),
                    List.of(),
                    // Linux's objtool, which every object of x86 goes through.
                    Map.of("libelf.h", "libelf-dev"),
                    130_000_000);

    /**
     * By Debian's name of the architecture. {@link #AMD64} is not offered: no kernel has been
     * booted with it.
     */
    static Optional<LabConfiguration> of(String architecture) {
        return Optional.of(ARM64).filter(lab -> lab.architecture.equals(architecture));
    }

    LabConfiguration {
        modules = List.copyOf(modules);
        linuxModules = List.copyOf(linuxModules);
        headers = Map.copyOf(headers);
    }

    /** The options themselves. */
    String configuration() throws IOException {
        return resource(options);
    }

    /** The makefile's target for {@link #image}. */
    String target() {
        return image.substring(image.lastIndexOf('/') + 1);
    }

    /** Everything of ours that goes into it. */
    ContentKey ingredients() throws IOException {
        ContentKey key = new ContentKey().with(configuration());
        for (Module module : modules) {
            for (String file : module.files()) {
                key.with(module.source(file));
            }
        }
        return key;
    }

    /** Names a kernel with our present options and modules, whatever its source. */
    String selection() throws IOException {
        return architecture + "-lab-" + ingredients().hex();
    }

    /**
     * What the build runs, and the packages it is in.
     *
     * @param machine as {@code os.arch} names it
     */
    SequencedMap<String, List<String>> tools(String machine) {
        SequencedMap<String, List<String>> tools = new LinkedHashMap<>();
        tools.put(compiler.compiler(), compiler.packagesOn(machine));
        tools.put("gcc", List.of("gcc", "libc6-dev"));
        for (String program : List.of("make", "flex", "bison", "bc", "perl")) {
            tools.put(program, List.of(program));
        }
        return tools;
    }

    private static String resource(String name) throws IOException {
        try (InputStream stream = LabConfiguration.class.getResourceAsStream(name)) {
            if (stream == null) {
                throw new IllegalStateException("resource " + name + " is missing");
            }
            return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
        }
    }
}
