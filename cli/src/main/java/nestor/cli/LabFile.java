package nestor.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.TokenStreamLocation;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;
import tools.jackson.dataformat.yaml.YAMLMapper;
import tools.jackson.dataformat.yaml.YAMLWriteFeature;

/**
 * A machine in a file, YAML or JSON: the keys of {@link Setting}, and the lists {@code drives},
 * {@code devices}, {@code objects}, {@code chardevs} and {@code monitors} whose elements have the
 * properties of the options {@code -drive}, {@code -device}, {@code -object}, {@code -chardev} and
 * {@code -mon}. Strict: what is not known is an error that names the JSON path. Relative paths
 * start from the file's own folder.
 */
final class LabFile {
    private static final int MAX_BYTES = 1 << 20;

    private final Path file;
    private final Settings settings = new Settings();

    private LabFile(Path file) {
        this.file = file;
    }

    static Settings read(Path file) throws CommandException {
        LabFile lab = new LabFile(file);
        lab.decode(lab.parse());
        return lab.settings;
    }

    /** Writes settings so that {@link #read} reads them back. */
    static String write(Settings settings) {
        YAMLMapper mapper =
                YAMLMapper.builder()
                        .disable(YAMLWriteFeature.WRITE_DOC_START_MARKER)
                        .enable(YAMLWriteFeature.MINIMIZE_QUOTES)
                        .enable(YAMLWriteFeature.INDENT_ARRAYS_WITH_INDICATOR)
                        .build();
        ObjectNode root = mapper.createObjectNode();
        for (Setting setting : Setting.values()) {
            settings.get(setting).ifPresent(value -> root.put(setting.key(), value.text()));
        }
        write(root, "drives", "", settings.drives());
        write(root, "devices", "driver", settings.devices());
        write(root, "objects", "qom-type", settings.objects());
        write(root, "chardevs", "backend", settings.chardevs());
        write(root, "monitors", "chardev", settings.monitors());
        return mapper.writeValueAsString(root);
    }

    private static void write(ObjectNode root, String key, String headKey, List<OptionList> lists) {
        if (lists.isEmpty()) {
            return;
        }
        ArrayNode array = root.putArray(key);
        for (OptionList list : lists) {
            ObjectNode element = array.addObject();
            if (!headKey.isEmpty()) {
                element.put(headKey, list.head());
            }
            list.properties().forEach(element::put);
        }
    }

    private JsonNode parse() throws CommandException {
        try {
            if (Files.size(file) > MAX_BYTES) {
                throw CommandException.usage("--config %s: larger than 1 MiB".formatted(file));
            }
            return mapper().readTree(Files.readString(file));
        } catch (JacksonException e) {
            TokenStreamLocation where = e.getLocation();
            throw CommandException.usage(
                    "--config %s: line %d, column %d: %s"
                            .formatted(
                                    file,
                                    where == null ? 0 : where.getLineNr(),
                                    where == null ? 0 : where.getColumnNr(),
                                    e.getOriginalMessage().lines().findFirst().orElse("")));
        } catch (IOException e) {
            throw CommandException.usage("--config %s".formatted(CommandException.reason(e)));
        }
    }

    private ObjectMapper mapper() {
        return file.toString().endsWith(".json")
                ? JsonMapper.builder()
                        .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                        .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
                        .build()
                : YAMLMapper.builder()
                        .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                        .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
                        .build();
    }

    private void decode(JsonNode root) throws CommandException {
        if (!root.isObject()) {
            throw wrong("$", "must be an object");
        }
        for (Map.Entry<String, JsonNode> entry : root.properties()) {
            String path = "$." + entry.getKey();
            switch (entry.getKey()) {
                case "drives" -> lists(path, entry.getValue(), "file", "", settings.drives());
                case "devices" -> lists(path, entry.getValue(), "", "driver", settings.devices());
                case "objects" -> lists(path, entry.getValue(), "", "qom-type", settings.objects());
                case "chardevs" ->
                        lists(path, entry.getValue(), "path", "backend", settings.chardevs());
                case "monitors" ->
                        lists(path, entry.getValue(), "", "chardev", settings.monitors());
                default -> scalar(path, entry.getKey(), entry.getValue());
            }
        }
    }

    private void scalar(String path, String key, JsonNode value) throws CommandException {
        Setting setting =
                Setting.ofKey(key)
                        .orElseThrow(() ->
                                wrong(path, "unknown key; known: " + String.join(", ", keys())));
        String text = text(path, value);
        settings.set(setting, origin(path), setting.isPath() ? resolve(text) : text);
    }

    /**
     * @param pathKey the property that is a file; empty if none
     * @param headKey the property every element must have; empty if none
     */
    private void lists(
            String path, JsonNode array, String pathKey, String headKey, List<OptionList> target)
            throws CommandException {
        if (!array.isArray()) {
            throw wrong(path, "must be a list");
        }
        for (int i = 0; i < array.size(); i++) {
            String elementPath = path + "[" + i + "]";
            JsonNode element = array.get(i);
            if (!element.isObject()) {
                throw wrong(elementPath, "must be an object");
            }
            SequencedMap<String, String> properties = new LinkedHashMap<>();
            for (Map.Entry<String, JsonNode> entry : element.properties()) {
                String text = text(elementPath + "." + entry.getKey(), entry.getValue());
                properties.put(
                        entry.getKey(), entry.getKey().equals(pathKey) ? resolve(text) : text);
            }
            String head = headKey.isEmpty() ? "" : properties.remove(headKey);
            if (head == null) {
                throw wrong(elementPath, "'" + headKey + "' is missing");
            }
            target.add(new OptionList(origin(elementPath), head, properties));
        }
    }

    private String text(String path, JsonNode value) throws CommandException {
        if (value.isContainer() || value.isNull()) {
            throw wrong(path, "must be a string, a number, true or false");
        }
        return value.isBoolean() ? (value.asBoolean() ? "on" : "off") : value.asString();
    }

    private String resolve(String path) {
        return file.toAbsolutePath().resolveSibling(path).normalize().toString();
    }

    private String origin(String path) {
        return file + " " + path;
    }

    private CommandException wrong(String path, String problem) {
        return CommandException.usage("--config %s: %s".formatted(origin(path), problem));
    }

    private static List<String> keys() {
        List<String> keys =
                new ArrayList<>(Arrays.stream(Setting.values()).map(Setting::key).toList());
        keys.addAll(List.of("drives", "devices", "objects", "chardevs", "monitors"));
        return keys;
    }
}
