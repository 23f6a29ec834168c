package nestor.control.hmp;

import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
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

    /** A format with fields of a node, each a number or a text, in its places. */
    private static String fields(String format, JsonNode node, String... names) {
        return format.formatted(
                Stream.of(names)
                        .map(node::get)
                        .map(field -> field.isNumber() ? (Object) field.asLong() : field.asString())
                        .toArray());
    }

    private static String each(JsonNode nodes, Function<JsonNode, String> text) {
        return nodes.valueStream().map(text).collect(Collectors.joining());
    }

    /** A line for each field of a node: its name and its number. */
    private static String numbers(String format, JsonNode node) {
        return node.properties().stream()
                .map(field -> format.formatted(field.getKey(), field.getValue().asLong()))
                .collect(Collectors.joining());
    }

    private static String counters(JsonNode counters) {
        return numbers("  %-26s %,d%n", counters);
    }

    static String status(ObjectNode status) {
        return fields(
                "VM status: %s, %,d instructions retired%n", status, "status", "instructions");
    }

    static String version(ObjectNode version) {
        return fields("Nestor %s%n", version, "nestor");
    }

    static String queues(ArrayNode queues) {
        return each(queues, HmpText::queue);
    }

    private static String queue(JsonNode queue) {
        return fields("%s %s: ", queue, "of", "queue")
                + (queue.get("enabled").asBoolean() ? "enabled" : "disabled")
                + fields(", %d of %d waiting", queue, "waiting", "size")
                + fields(", producer %d, consumer %d", queue, "producer", "consumer")
                + (queue.get("error").asString().isEmpty() ? "" : fields(", %s", queue, "error"))
                + "\n";
    }

    static String pci(ArrayNode functions) {
        return each(functions, HmpText::function);
    }

    private static String function(JsonNode function) {
        int classCode = function.get("class").asInt() >>> 8;
        String name = CLASSES.getOrDefault(classCode, "Class %04x".formatted(classCode));
        JsonNode bridge = function.get("bridge");
        return fields("  Bus %2d, device %3d, function %d:%n", function, "bus", "slot", "function")
                + "    %s: ".formatted(name)
                + fields("PCI device %04x:%04x%n", function, "vendor", "device")
                + (function.get("subsystem-vendor").asInt() == 0
                        ? ""
                        : fields(
                                "      PCI subsystem %04x:%04x%n",
                                function, "subsystem-vendor", "subsystem"))
                + (bridge == null ? "" : fields("      BUS %d.%n", function, "bus"))
                + (bridge == null ? "" : bridge(bridge))
                + each(function.get("bars"), HmpText::bar)
                + fields("      id \"%s\"%n", function, "id");
    }

    private static String bridge(JsonNode bridge) {
        return fields("      secondary bus %d.%n", bridge, "secondary")
                + fields("      subordinate bus %d.%n", bridge, "subordinate")
                + fields(
                        "      memory range [0x%08x, 0x%08x]%n",
                        bridge, "memory-base", "memory-limit")
                + fields(
                        "      prefetchable memory range [0x%08x, 0x%08x]%n",
                        bridge, "prefetchable-base", "prefetchable-limit");
    }

    private static String bar(JsonNode bar) {
        JsonNode decoded = bar.get("address");
        long address = decoded == null ? UNMAPPED : decoded.asLong();
        return "      BAR%d: %s memory at 0x%08x [0x%08x].%n"
                .formatted(
                        bar.get("bar").asInt(),
                        kind(bar.get("kind").asString()),
                        address,
                        address + bar.get("size").asLong() - 1);
    }

    private static String kind(String kind) {
        return switch (kind) {
            case "mem32" -> "32 bit";
            case "mem64" -> "64 bit";
            default -> "64 bit prefetchable";
        };
    }

    static String qtree(ArrayNode buses) {
        return each(buses, HmpText::bus);
    }

    private static String bus(JsonNode bus) {
        return fields("bus: %s%n", bus, "bus") + each(bus.get("devices"), HmpText::device);
    }

    private static String device(JsonNode device) {
        JsonNode child = device.get("child");
        String properties =
                device.get("properties").properties().stream()
                        .map(property ->
                                "%s = %s%n"
                                        .formatted(
                                                property.getKey(), property.getValue().asString()))
                        .collect(Collectors.joining());
        return fields("  dev: %s, id \"%s\"%n", device, "driver", "id")
                + fields("    addr = %02x.%d%n", device, "slot", "function")
                + properties.indent(4)
                + (child == null ? "" : bus(child).indent(4));
    }

    static String mtree(ArrayNode ranges) {
        return "address-space: memory\n" + each(ranges, HmpText::range);
    }

    private static String range(JsonNode range) {
        long first = range.get("address").asLong();
        return "  %016x-%016x %s%n"
                .formatted(
                        first,
                        first + range.get("size").asLong() - 1,
                        range.get("name").asString());
    }

    static String iommu(ArrayNode units) {
        return units.isEmpty() ? "the machine has no IOMMU\n" : each(units, HmpText::unit);
    }

    private static String unit(JsonNode unit) {
        return fields("%s: %s, ", unit, "id", "driver")
                + (unit.get("enabled").asBoolean() ? "translating\n" : "not translating\n")
                + numbers("  %-16s 0x%x%n", unit.get("registers"))
                + counters(unit.get("counters"));
    }

    static String atc(ArrayNode caches) {
        return caches.isEmpty()
                ? "no device with ats=on counts its cache\n"
                : each(
                        caches,
                        cache ->
                                fields("%s:%n", cache, "id")
                                        + counters(((ObjectNode) cache).deepCopy().without("id")));
    }

    static String chardev(ArrayNode chardevs) {
        return each(chardevs, chardev -> fields("%s: filename=%s%n", chardev, "label", "filename"));
    }

    static String block(ArrayNode drives) {
        return each(
                drives,
                drive ->
                        fields("%s: %s (raw", drive, "device", "file")
                                + (drive.get("read-only").asBoolean() ? ", read-only)\n" : ")\n"));
    }
}
