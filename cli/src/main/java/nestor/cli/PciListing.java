package nestor.cli;

import java.util.List;
import java.util.Map;
import nestor.pci.BarKind;
import nestor.pci.FunctionInfo;

/** PCI functions in the layout of QEMU's {@code info pci}. */
final class PciListing {
    /** By base class and sub-class (PCI Code and ID Assignment Specification, chapter 1). */
    private static final Map<Integer, String> CLASSES =
            Map.of(
                    0x0100, "SCSI controller",
                    0x0200, "Ethernet controller",
                    0x0604, "PCI bridge",
                    0x0780, "Communication controller",
                    0x0880, "System peripheral");

    /** What QEMU prints for a BAR that decodes nothing. */
    private static final long UNMAPPED = -1L;

    private PciListing() {}

    static String of(List<FunctionInfo> functions) {
        StringBuilder text = new StringBuilder();
        for (FunctionInfo f : functions) {
            append(text, f);
        }
        return text.toString();
    }

    private static void append(StringBuilder text, FunctionInfo f) {
        int classCode = f.classCode() >>> 8;
        text.append(
                "  Bus %2d, device %3d, function %d:\n"
                        .formatted(f.rid() >>> 8, f.rid() >>> 3 & 0x1f, f.rid() & 7));
        text.append(
                "    %s: PCI device %04x:%04x\n"
                        .formatted(
                                CLASSES.getOrDefault(classCode, "Class %04x".formatted(classCode)),
                                f.vendor(),
                                f.device()));
        if (f.subsystemVendor() != 0) {
            text.append(
                    "      PCI subsystem %04x:%04x\n"
                            .formatted(f.subsystemVendor(), f.subsystem()));
        }
        f.bridge().ifPresent(bridge -> append(text, f, bridge));
        for (FunctionInfo.BarInfo bar : f.bars()) {
            long address = bar.decoded() ? bar.address() : UNMAPPED;
            text.append(
                    "      BAR%d: %s memory at 0x%08x [0x%08x].\n"
                            .formatted(
                                    bar.index(),
                                    kind(bar.kind()),
                                    address,
                                    address + bar.sizeBytes() - 1));
        }
        text.append("      id \"%s\"\n".formatted(f.name()));
    }

    private static void append(StringBuilder text, FunctionInfo f, FunctionInfo.BridgeInfo bridge) {
        text.append(
                """
                      BUS %d.
                      secondary bus %d.
                      subordinate bus %d.
                      memory range [0x%08x, 0x%08x]
                      prefetchable memory range [0x%08x, 0x%08x]
                """
                        .formatted(
                                f.rid() >>> 8,
                                bridge.secondaryBus(),
                                bridge.subordinateBus(),
                                bridge.memoryBase(),
                                bridge.memoryLimit(),
                                bridge.prefetchableBase(),
                                bridge.prefetchableLimit()));
    }

    private static String kind(BarKind kind) {
        return switch (kind) {
            case MEM32 -> "32 bit";
            case MEM64 -> "64 bit";
            case MEM64_PREFETCHABLE -> "64 bit prefetchable";
        };
    }
}
