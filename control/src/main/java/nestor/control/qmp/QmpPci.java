package nestor.control.qmp;

import java.util.Map;
import java.util.TreeMap;
import nestor.control.Json;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** {@code query-pci}: the view of PCI functions, as a list of buses in QEMU's words. */
final class QmpPci {
    private QmpPci() {}

    static ArrayNode of(ArrayNode functions) {
        Map<Integer, ArrayNode> buses = new TreeMap<>();
        for (JsonNode function : functions) {
            int bus = function.get("bus").asInt();
            device(buses.computeIfAbsent(bus, _ -> Json.array()).addObject(), function);
        }
        ArrayNode list = Json.array();
        buses.forEach((bus, devices) -> list.addObject().put("bus", bus).set("devices", devices));
        return list;
    }

    private static void device(ObjectNode device, JsonNode function) {
        device.put("bus", function.get("bus").asInt())
                .put("slot", function.get("slot").asInt())
                .put("function", function.get("function").asInt())
                .put("qdev_id", function.get("id").asString());
        device.putObject("class_info").put("class", function.get("class").asInt() >>> 8);
        device.putObject("id")
                .put("vendor", function.get("vendor").asInt())
                .put("device", function.get("device").asInt());
        ArrayNode regions = device.putArray("regions");
        for (JsonNode bar : function.get("bars")) {
            String kind = bar.get("kind").asString();
            JsonNode address = bar.get("address");
            regions.addObject()
                    .put("bar", bar.get("bar").asInt())
                    .put("type", "memory")
                    .put("address", address == null ? -1 : address.asLong())
                    .put("size", bar.get("size").asLong())
                    .put("prefetch", kind.endsWith("prefetchable"))
                    .put("mem_type_64", kind.startsWith("mem64"));
        }
        JsonNode bridge = function.get("bridge");
        if (bridge != null) {
            ObjectNode bus = device.putObject("pci_bridge").putObject("bus");
            bus.put("number", function.get("bus").asInt())
                    .put("secondary", bridge.get("secondary").asInt())
                    .put("subordinate", bridge.get("subordinate").asInt());
            range(bus, "memory_range", bridge, "memory");
            range(bus, "prefetchable_range", bridge, "prefetchable");
        }
    }

    private static void range(ObjectNode bus, String name, JsonNode bridge, String key) {
        bus.putObject(name)
                .put("base", bridge.get(key + "-base").asLong())
                .put("limit", bridge.get(key + "-limit").asLong());
    }
}
