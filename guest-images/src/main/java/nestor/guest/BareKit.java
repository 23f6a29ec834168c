package nestor.guest;

import java.io.IOException;
import java.io.InputStream;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * The bare-metal guests ({@code docs/bare-kit.md}): freestanding C programs, each the kit's common
 * parts and the driver and checks of one IOMMU, that report by KTAP on the serial port.
 */
public final class BareKit {
    /** The arm64 board, the bookkeeping of checks, and functions whose DMA an IOMMU translates. */
    private static final List<String> ARM64 =
            List.of(
                    "arm64/board.c",
                    "arm64/image.ld",
                    "arm64/machine.h",
                    "arm64/start.S",
                    "kit/engine.c",
                    "kit/engine.h",
                    "kit/kit.c",
                    "kit/kit.h",
                    "kit/pci.c",
                    "kit/pci.h",
                    "kit/testdev.c",
                    "kit/testdev.h",
                    "kit/vmsa.c",
                    "kit/vmsa.h");

    /** {@code bare/smmuv3}: the SMMUv3 of the arm64 board, with two test functions behind it. */
    public static final BareKit SMMUV3 =
            new BareKit(
                    "smmuv3",
                    ARM64,
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
                    "virtio-iommu",
                    Stream.concat(ARM64.stream(), Stream.of("kit/virtio.c", "kit/virtio.h"))
                            .toList(),
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
                            "svm.c",
                            "svm.h",
                            "viommu.c",
                            "viommu.h",
                            "x86.c",
                            "x86.h"));

    /**
     * Freestanding, no registers but the general ones, no unaligned accesses (the MMU is off), and
     * the checks in the order in which they are written.
     */
    static final List<String> FLAGS =
            List.of(
                    "-std=gnu11",
                    "-O2",
                    "-Wall",
                    "-Wextra",
                    "-ffreestanding",
                    "-fno-stack-protector",
                    "-fno-pic",
                    "-fno-toplevel-reorder",
                    "-fno-tree-loop-distribute-patterns",
                    "-fno-asynchronous-unwind-tables",
                    "-mgeneral-regs-only",
                    "-mstrict-align",
                    "-nostdlib",
                    "-static",
                    "-no-pie",
                    "-Wl,--build-id=none",
                    "-Wl,-z,max-page-size=4096");

    private static final String RESOURCES = "bare/";

    private final String iommu;
    private final List<String> common;
    private final List<String> own;

    private BareKit(String iommu, List<String> common, List<String> own) {
        this.iommu = iommu;
        this.common = common;
        this.own = own;
    }

    /** All suites. */
    public static List<BareKit> values() {
        return List.of(SMMUV3, VIRTIO_IOMMU);
    }

    /** The IOMMU that the suite is about, as the command line names it. */
    public String iommu() {
        return iommu;
    }

    /** File name of the image. */
    String image() {
        return "bare-" + iommu;
    }

    /** Paths below {@code bare/}. */
    Stream<String> paths() {
        return Stream.concat(common.stream(), own.stream().map(name -> iommu + "/" + name));
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
