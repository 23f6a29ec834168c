package nestor.guest;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
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
 * @param builtBytes what the compiler leaves, about
 */
record LabConfiguration(
        Architecture compiler,
        String architecture,
        String linuxName,
        String options,
        String image,
        List<OwnModule> modules,
        List<String> linuxModules,
        long builtBytes) {
    static final LabConfiguration ARM64 =
            new LabConfiguration(
                    Architecture.ARM64,
                    "arm64",
                    "arm64",
                    "lab/lab-arm64.config",
                    "arch/arm64/boot/Image",
                    List.of(OwnModule.DRAINED_UIO, OwnModule.VIRTIO_IOMMU_WITH_TABLES),
                    List.of("drivers/iommu/virtio-iommu.ko"),
                    130_000_000);

    /** By Debian's name of the architecture. */
    static Optional<LabConfiguration> of(String architecture) {
        return Optional.of(ARM64).filter(lab -> lab.architecture.equals(architecture));
    }

    LabConfiguration {
        modules = List.copyOf(modules);
        linuxModules = List.copyOf(linuxModules);
    }

    /** The options themselves. */
    String configuration() throws IOException {
        return new String(GuestFiles.resource(options), StandardCharsets.UTF_8);
    }

    /** The makefile's target for {@link #image}. */
    String target() {
        return image.substring(image.lastIndexOf('/') + 1);
    }

    /** Everything of ours that goes into it. */
    ContentKey ingredients() throws IOException {
        ContentKey key = new ContentKey().with(configuration());
        for (OwnModule module : modules) {
            module.addTo(key);
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
}
