package nestor.cli;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.Set;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * One QEMU option value, {@code head,key=value,…}: a comma in a value is written twice, a key alone
 * means {@code on}, {@code nokey} is not known. The same as a JSON object is accepted.
 *
 * @param option the option it came from, for messages
 * @param head the value of the implied key; empty if the list has none
 */
record OptionList(String option, String head, SequencedMap<String, String> properties) {
    private static final JsonMapper JSON =
            JsonMapper.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build();

    /**
     * @param impliedKey the key that may be left out in front (QEMU: driver, backend, type); empty
     *     if every item is {@code key=value}
     */
    static OptionList parse(String option, String text, String impliedKey) throws CommandException {
        SequencedMap<String, String> properties =
                text.startsWith("{")
                        ? parseJson(option, text)
                        : parseCommas(option, text, impliedKey);
        String head = impliedKey.isEmpty() ? null : properties.remove(impliedKey);
        return new OptionList(option, head == null ? "" : head, properties);
    }

    /** Takes a property out of the list. */
    Optional<String> take(String key) {
        return Optional.ofNullable(properties.remove(key));
    }

    /** Takes an on/off property out of the list. */
    boolean takeSwitch(String key, boolean unset) throws CommandException {
        String value = properties.remove(key);
        return value == null ? unset : parseSwitch(option + " " + key, value);
    }

    /** What is left after the known keys were taken is unknown. */
    void expectEmpty(Set<String> known) throws CommandException {
        if (!properties.isEmpty()) {
            throw CommandException.usage(
                    "%s: unknown property '%s'; known: %s"
                            .formatted(
                                    option,
                                    properties.firstEntry().getKey(),
                                    String.join(", ", known)));
        }
    }

    static boolean parseSwitch(String what, String value) throws CommandException {
        return switch (value) {
            case "on", "yes", "true", "y" -> true;
            case "off", "no", "false", "n" -> false;
            default ->
                    throw CommandException.usage(
                            "%s: '%s' is not on or off".formatted(what, value));
        };
    }

    /** Writes a value so that {@link #parse} reads it back. */
    static String escape(String value) {
        return value.replace(",", ",,");
    }

    private static SequencedMap<String, String> parseCommas(
            String option, String text, String impliedKey) throws CommandException {
        SequencedMap<String, String> properties = new LinkedHashMap<>();
        int position = 0;
        boolean first = true;
        do {
            StringBuilder item = new StringBuilder();
            position = nextItem(text, position, item);
            String word = item.toString();
            int equals = word.indexOf('=');
            if (first && equals < 0 && !impliedKey.isEmpty()) {
                properties.put(impliedKey, word);
            } else if (equals == 0 || word.isEmpty()) {
                throw CommandException.usage(
                        "%s: '%s' has an empty property name".formatted(option, text));
            } else {
                String key = equals < 0 ? word : word.substring(0, equals);
                String value = equals < 0 ? "on" : word.substring(equals + 1);
                if (properties.put(key, value) != null) {
                    throw CommandException.usage("%s: '%s' is given twice".formatted(option, key));
                }
            }
            first = false;
        } while (position <= text.length());
        return properties;
    }

    /** Copies one item, undoubling commas. @return where the next begins; past the end if none. */
    private static int nextItem(String text, int start, StringBuilder item) {
        int i = start;
        while (i < text.length()) {
            char c = text.charAt(i);
            if (c == ',') {
                if (i + 1 == text.length() || text.charAt(i + 1) != ',') {
                    return i + 1;
                }
                i++;
            }
            item.append(c);
            i++;
        }
        return text.length() + 1;
    }

    private static SequencedMap<String, String> parseJson(String option, String text)
            throws CommandException {
        SequencedMap<String, String> properties = new LinkedHashMap<>();
        JsonNode object;
        try {
            object = JSON.readTree(text);
        } catch (JacksonException e) {
            throw CommandException.usage(
                    "%s: not valid JSON: %s".formatted(option, e.getOriginalMessage()));
        }
        for (Map.Entry<String, JsonNode> entry : object.properties()) {
            JsonNode value = entry.getValue();
            if (value.isContainer() || value.isNull()) {
                throw CommandException.usage(
                        "%s: '%s' must be a string, a number, true or false"
                                .formatted(option, entry.getKey()));
            }
            properties.put(
                    entry.getKey(),
                    value.isBoolean() ? (value.asBoolean() ? "on" : "off") : value.asString());
        }
        return properties;
    }
}
