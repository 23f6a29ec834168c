package nestor.control.hmp;

import java.util.Map;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Views as text, in the layout of QEMU where QEMU has the topic. */
final class HmpText {
    /** By base class and sub-class (PCI Code and ID Assignment Specification, chapter 1). */
    private static final Map<Integer, String> CLASSES =
            Map.of(
                    0x0100, "SCSI controller",
                    0x0200, "Ethernet controller",
                    0x0600, "Host bridge",
                    0x0604, "PCI bridge",
                    0x0780, "Communication controller",
                    0x0880, "System peripheral");

    /** What QEMU prints for a BAR that decodes nothing. */
    private static final long UNMAPPED = -1L;

    private HmpText() {}

    static String status(ObjectNode status) {
        return "VM status: %s, %,d instructions retired%n"
                .formatted(status.get("status").asString(), status.get("instructions").asLong());
    }

    static String version(ObjectNode version) {
        return "Nestor %s%n".formatted(version.get("nestor").asString());
    }

    static String queues(ArrayNode queues) {
        StringBuilder text = new StringBuilder();
        for (JsonNode queue : queues) {
            text.append(
                    "%s %s: %s, %d of %d waiting, producer %d, consumer %d%s%n"
                            .formatted(
                                    queue.get("of").asString(),
                                    queue.get("queue").asString(),
                                    queue.get("enabled").asBoolean() ? "enabled" : "disabled",
                                    queue.get("waiting").asLong(),
                                    queue.get("size").asLong(),
                                    queue.get("producer").asLong(),
                                    queue.get("consumer").asLong(),
                                    queue.get("error").asString().isEmpty()
                                            ? ""
                                            : ", " + queue.get("error").asString()));
        }
        return text.toString();
    }

    static String pci(ArrayNode functions) {
        StringBuilder text = new StringBuilder();
        for (JsonNode f : functions) {
            int classCode = f.get("class").asInt() >>> 8;
            text.append(
                    "  Bus %2d, device %3d, function %d:%n    %s: PCI device %04x:%04x%n"
                            .formatted(
                                    f.get("bus").asInt(),
                                    f.get("slot").asInt(),
                                    f.get("function").asInt(),
                                    CLASSES.getOrDefault(
                                            classCode, "Class %04x".formatted(classCode)),
                                    f.get("vendor").asInt(),
                                    f.get("device").asInt()));
            if (f.get("subsystem-vendor").asInt() != 0) {
                text.append(
                        "      PCI subsystem %04x:%04x%n"
                                .formatted(
                                        f.get("subsystem-vendor").asInt(),
                                        f.get("subsystem").asInt()));
            }
            JsonNode bridge = f.get("bridge");
            if (bridge != null) {
                bridge(text, f.get("bus").asInt(), bridge);
            }
            for (JsonNode bar : f.get("bars")) {
                JsonNode decoded = bar.get("address");
                long address = decoded == null ? UNMAPPED : decoded.asLong();
                text.append(
                        "      BAR%d: %s memory at 0x%08x [0x%08x].%n"
                                .formatted(
                                        bar.get("bar").asInt(),
                                        kind(bar.get("kind").asString()),
                                        address,
                                        address + bar.get("size").asLong() - 1));
            }
            text.append("      id \"%s\"%n".formatted(f.get("id").asString()));
        }
        return text.toString();
    }

    private static void bridge(StringBuilder text, int bus, JsonNode bridge) {
        text.append("      BUS %d.%n".formatted(bus));
        text.append("      secondary bus %d.%n".formatted(bridge.get("secondary").asInt()));
        text.append("      subordinate bus %d.%n".formatted(bridge.get("subordinate").asInt()));
        text.append(range("memory range", bridge, "memory"));
        text.append(range("prefetchable memory range", bridge, "prefetchable"));
    }

    private static String range(String title, JsonNode bridge, String key) {
        return "      %s [0x%08x, 0x%08x]%n"
                .formatted(
                        title,
                        bridge.get(key + "-base").asLong(),
                        bridge.get(key + "-limit").asLong());
    }

    private static String kind(String kind) {
        return switch (kind) {
            case "mem32" -> "32 bit";
            case "mem64" -> "64 bit";
            default -> "64 bit prefetchable";
        };
    }

    static String qtree(ArrayNode buses) {
        StringBuilder text = new StringBuilder();
        buses.forEach(bus -> bus(text, bus, ""));
        return text.toString();
    }

    private static void bus(StringBuilder text, JsonNode bus, String indent) {
        text.append("%sbus: %s%n".formatted(indent, bus.get("bus").asString()));
        for (JsonNode device : bus.get("devices")) {
            text.append(
                    "%s  dev: %s, id \"%s\"%n%s    addr = %02x.%d%n"
                            .formatted(
                                    indent,
                                    device.get("driver").asString(),
                                    device.get("id").asString(),
                                    indent,
                                    device.get("slot").asInt(),
                                    device.get("function").asInt()));
            for (Map.Entry<String, JsonNode> property : device.get("properties").properties()) {
                text.append(
                        "%s    %s = %s%n"
                                .formatted(
                                        indent, property.getKey(), property.getValue().asString()));
            }
            JsonNode child = device.get("child");
            if (child != null) {
                bus(text, child, indent + "    ");
            }
        }
    }

    static String mtree(ArrayNode ranges) {
        StringBuilder text = new StringBuilder("address-space: memory\n");
        for (JsonNode range : ranges) {
            long first = range.get("address").asLong();
            text.append(
                    "  %016x-%016x %s%n"
                            .formatted(
                                    first,
                                    first + range.get("size").asLong() - 1,
                                    range.get("name").asString()));
        }
        return text.toString();
    }

    static String iommu(ArrayNode units) {
        StringBuilder text = new StringBuilder();
        for (JsonNode unit : units) {
            text.append(
                    "%s: %s, %s%n"
                            .formatted(
                                    unit.get("id").asString(),
                                    unit.get("driver").asString(),
                                    unit.get("enabled").asBoolean()
                                            ? "translating"
                                            : "not translating"));
            for (Map.Entry<String, JsonNode> register : unit.get("registers").properties()) {
                text.append(
                        "  %-16s 0x%x%n"
                                .formatted(register.getKey(), register.getValue().asLong()));
            }
            counters(text, unit.get("counters"));
        }
        return text.isEmpty() ? "the machine has no IOMMU\n" : text.toString();
    }

    static String atc(ArrayNode caches) {
        StringBuilder text = new StringBuilder();
        for (JsonNode cache : caches) {
            text.append("%s:%n".formatted(cache.get("id").asString()));
            counters(text, ((ObjectNode) cache).deepCopy().without("id"));
        }
        return text.isEmpty() ? "no device with ats=on counts its cache\n" : text.toString();
    }

    private static void counters(StringBuilder text, JsonNode counters) {
        for (Map.Entry<String, JsonNode> counter : counters.properties()) {
            text.append("  %-26s %,d%n".formatted(counter.getKey(), counter.getValue().asLong()));
        }
    }

    static String chardev(ArrayNode chardevs) {
        StringBuilder text = new StringBuilder();
        for (JsonNode chardev : chardevs) {
            text.append(
                    "%s: filename=%s%n"
                            .formatted(
                                    chardev.get("label").asString(),
                                    chardev.get("filename").asString()));
        }
        return text.toString();
    }

    static String block(ArrayNode drives) {
        StringBuilder text = new StringBuilder();
        for (JsonNode drive : drives) {
            text.append(
                    "%s: %s (raw%s)%n"
                            .formatted(
                                    drive.get("device").asString(),
                                    drive.get("file").asString(),
                                    drive.get("read-only").asBoolean() ? ", read-only" : ""));
        }
        return text.toString();
    }
}
