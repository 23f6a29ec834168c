package nestor.guest;

import java.io.IOException;
import java.io.InputStream;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Stream;

/**
 * The bare-metal guests ({@code docs/bare-kit.md}): freestanding C programs, each the kit's common
 * parts and the driver and checks of one IOMMU, that report by KTAP on the serial port.
 */
public final class BareKit {
    /** {@code bare/smmuv3}: the SMMUv3 of the arm64 board, with two test functions behind it. */
    public static final BareKit SMMUV3 =
            new BareKit(
                    Architecture.ARM64,
                    "smmuv3",
                    List.of("engine.c", "engine.h", "vmsa.c", "vmsa.h"),
                    List.of(
                            "check10-registers.c",
                            "check20-streams.c",
                            "check25-live.c",
                            "check30-substreams.c",
                            "check35-contexts.c",
                            "check40-stage1.c",
                            "check45-stage1-faults.c",
                            "check50-stage2.c",
                            "check55-nested.c",
                            "check60-tlb.c",
                            "check62-tlb-stage2.c",
                            "check65-commands.c",
                            "check70-events.c",
                            "check75-stalls.c",
                            "check77-in-flight.c",
                            "ats.h",
                            "check80-ats.c",
                            "check81-ats-refused.c",
                            "check82-ats-stage2.c",
                            "check85-translated.c",
                            "check90-pri.c",
                            "check95-absent.c",
                            "smmu.c",
                            "smmu.h",
                            "tables.c",
                            "tables.h"));

    /** {@code bare/virtio-iommu}: a virtio-iommu, with tables of the guest's own or without. */
    public static final BareKit VIRTIO_IOMMU =
            new BareKit(
                    Architecture.ARM64,
                    "virtio-iommu",
                    List.of(
                            "demo.c",
                            "demo.h",
                            "engine.c",
                            "engine.h",
                            "virtio.c",
                            "virtio.h",
                            "vmsa.c",
                            "vmsa.h"),
                    List.of(
                            "check10-device.c",
                            "check15-probe.c",
                            "check20-attach.c",
                            "check25-mappings.c",
                            "check28-bypass.c",
                            "check30-framing.c",
                            "check35-attach-table.c",
                            "check40-contexts.c",
                            "check45-lpae.c",
                            "check50-first-stage.c",
                            "check60-invalidate.c",
                            "check65-events.c",
                            "check70-ats.c",
                            "check75-page-requests.c",
                            "check80-svm.c",
                            "check85-sides.c",
                            "check90-in-flight.c",
                            "events.c",
                            "spaces.c",
                            "spaces.h",
                            "viommu.c",
                            "viommu.h",
                            "x86.c",
                            "x86.h"));

    /** {@code bare/vtd}: VT-d units of the x86-64 board, with two test functions behind them. */
    public static final BareKit VTD =
            new BareKit(
                    Architecture.X86_64,
                    "vtd",
                    List.of("demo.c", "demo.h"),
                    List.of(
                            "check10-registers.c",
                            "check15-register-invalidation.c",
                            "check20-legacy.c",
                            "check22-legacy-faults.c",
                            "check30-scalable.c",
                            "check32-scalable-faults.c",
                            "check40-first.c",
                            "check42-first-faults.c",
                            "check50-second.c",
                            "check55-nested.c",
                            "check60-iotlb.c",
                            "check62-structure-caches.c",
                            "check65-queue.c",
                            "check70-fault-log.c",
                            "check80-ats.c",
                            "check82-device-tlb.c",
                            "check90-pri.c",
                            "check92-remapping.c",
                            "check94-posted.c",
                            "check96-svm.c",
                            "check97-units.c",
                            "remap.c",
                            "remap.h",
                            "tables.c",
                            "tables.h",
                            "vtd.c",
                            "vtd.h"));

    private static final String RESOURCES = "bare/";

    /** Of every architecture: in a folder of its name. */
    private static final List<String> BOARD =
            List.of("board.c", "image.ld", "machine.h", "start.S");

    /** Of every suite. */
    private static final List<String> KIT =
            List.of("kit.c", "kit.h", "pci.c", "pci.h", "testdev.c", "testdev.h");

    private final Architecture architecture;
    private final String iommu;
    private final List<String> more;
    private final List<String> own;

    /**
     * @param more files of the kit that not every suite needs
     * @param own files of the suite's own folder
     */
    private BareKit(Architecture architecture, String iommu, List<String> more, List<String> own) {
        this.architecture = architecture;
        this.iommu = iommu;
        this.more = more;
        this.own = own;
    }

    /** All suites. */
    public static List<BareKit> values() {
        return List.of(SMMUV3, VIRTIO_IOMMU, VTD);
    }

    /** The IOMMU that the suite is about, as the command line names it. */
    public String iommu() {
        return iommu;
    }

    /** What the CPU of its board is. */
    Architecture architecture() {
        return architecture;
    }

    /** File name of the image. */
    String image() {
        return "bare-" + iommu;
    }

    /** Paths below {@code bare/}. */
    Stream<String> paths() {
        return Stream.of(
                        BOARD.stream().map(name -> architecture.name() + "/" + name),
                        Stream.concat(KIT.stream(), more.stream()).map(name -> "kit/" + name),
                        own.stream().map(name -> iommu + "/" + name))
                .flatMap(Function.identity());
    }

    /** All sources by path. */
    Map<String, byte[]> sources() throws IOException {
        Map<String, byte[]> sources = new TreeMap<>();
        for (String path : paths().toList()) {
            try (InputStream stream = BareKit.class.getResourceAsStream(RESOURCES + path)) {
                if (stream == null) {
                    throw new IllegalStateException("resource " + path + " is missing");
                }
                sources.put(path, stream.readAllBytes());
            }
        }
        return sources;
    }
}
