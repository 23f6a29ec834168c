package nestor.guest;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * A kernel module of ours, built out of Linux's tree as anybody's would be.
 *
 * @param folder of its sources among the resources
 */
record OwnModule(String name, String folder, List<String> files) {
    /** Binds processes to functions; see {@code docs/lab-kernel.md}. */
    static final OwnModule DRAINED_UIO =
            new OwnModule(
                    "uio_pci_sva_drain", "lab/module", List.of("Kbuild", "uio_pci_sva_drain.c"));

    static final OwnModule VIRTIO_IOMMU_WITH_TABLES =
            new OwnModule(
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

    OwnModule {
        files = List.copyOf(files);
    }

    /** The one of this name that kernels of Debian's are given. */
    static Optional<OwnModule> forStockKernels(String name) {
        return Optional.of(DRAINED_UIO).filter(module -> module.name.equals(name));
    }

    /** What the compiler leaves. */
    String output() {
        return name + ".ko";
    }

    /** Adds the sources to what names a cache entry. */
    void addTo(ContentKey key) throws IOException {
        for (String file : files) {
            key.with(source(file));
        }
    }

    void writeSourcesTo(Path target) throws IOException {
        for (String file : files) {
            Files.writeString(target.resolve(file), source(file));
        }
    }

    private String source(String file) throws IOException {
        return new String(GuestFiles.resource(folder + "/" + file), StandardCharsets.UTF_8);
    }
}
