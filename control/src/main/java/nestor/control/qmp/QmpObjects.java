package nestor.control.qmp;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import nestor.control.Json;
import nestor.control.qmp.QmpException.ErrorClass;
import nestor.machine.DeviceNode;
import nestor.machine.MachineControl;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;

/** The object tree of {@code qom-list}, as far as there is one: the devices, by their names. */
final class QmpObjects {
    static final String PERIPHERAL = "/machine/peripheral";

    private final MachineControl control;

    QmpObjects(MachineControl control) {
        this.control = control;
    }

    ArrayNode list(String path) throws QmpException {
        ArrayNode list = Json.array();
        switch (path) {
            case "/" -> child(list, "machine", "child<machine>");
            case "/machine" -> child(list, "peripheral", "child<container>");
            case PERIPHERAL ->
                    control.devices()
                            .forEach(device ->
                                    child(
                                            list,
                                            device.name(),
                                            "child<%s>".formatted(device.driver())));
            default -> properties(device(path)).forEach((name, _) -> child(list, name, "string"));
        }
        return list;
    }

    private static void child(ArrayNode list, String name, String type) {
        list.addObject().put("name", name).put("type", type);
    }

    JsonNode get(String path, String property) throws QmpException {
        String value = properties(device(path)).get(property);
        if (value == null) {
            throw QmpException.generic("'%s' has no property '%s'".formatted(path, property));
        }
        return Json.object().stringNode(value);
    }

    /** Properties of devices are fixed when they are made. */
    QmpException readOnly(String path, String property) throws QmpException {
        get(path, property);
        return QmpException.generic(
                "property '%s' of '%s' cannot be changed".formatted(property, path));
    }

    private static SequencedMap<String, String> properties(DeviceNode device) {
        SequencedMap<String, String> properties = new LinkedHashMap<>();
        properties.put("type", device.driver());
        properties.put("parent_bus", device.bus());
        properties.put("addr", "%02x.%d".formatted(device.slot(), device.function()));
        device.properties().entrySet().stream()
                .sorted(Map.Entry.comparingByKey())
                .forEach(entry -> properties.putIfAbsent(entry.getKey(), entry.getValue()));
        return properties;
    }

    /** By its path, or by its name alone as QMP allows. */
    private DeviceNode device(String path) throws QmpException {
        String name =
                path.startsWith(PERIPHERAL + "/") ? path.substring(PERIPHERAL.length() + 1) : path;
        Optional<DeviceNode> device =
                control.devices().stream().filter(node -> node.name().equals(name)).findFirst();
        return device.orElseThrow(() ->
                new QmpException(
                        ErrorClass.DEVICE_NOT_FOUND, "there is no object '%s'".formatted(path)));
    }
}
