package nestor.control.qmp;

import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import nestor.control.view.WalkQuery;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** The arguments of one command. Each is taken; one that is left over is an error. */
final class Arguments {
    private final ObjectNode object;
    private final Set<String> taken = new HashSet<>();

    Arguments(ObjectNode object) {
        this.object = object;
    }

    String text(String name) throws QmpException {
        return optionalText(name)
                .orElseThrow(() -> QmpException.generic("argument '" + name + "' is missing"));
    }

    Optional<String> optionalText(String name) throws QmpException {
        JsonNode value = object.get(name);
        taken.add(name);
        if (value == null) {
            return Optional.empty();
        }
        if (!value.isString()) {
            throw QmpException.generic("argument '" + name + "' must be a string");
        }
        return Optional.of(value.asString());
    }

    boolean flag(String name) throws QmpException {
        JsonNode value = object.get(name);
        taken.add(name);
        if (value == null) {
            throw QmpException.generic("argument '" + name + "' is missing");
        }
        if (!value.isBoolean()) {
            throw QmpException.generic("argument '" + name + "' must be true or false");
        }
        return value.asBoolean();
    }

    /** True or false; false if it is not given. */
    boolean optionalFlag(String name) throws QmpException {
        return object.has(name) && flag(name);
    }

    /** An integer of 64 bits, or a string that C would read as one. */
    OptionalLong optionalNumber(String name) throws QmpException {
        JsonNode value = object.get(name);
        taken.add(name);
        if (value == null) {
            return OptionalLong.empty();
        }
        if (value.isIntegralNumber() && value.canConvertToLong()) {
            return OptionalLong.of(value.asLong());
        }
        if (value.isString()) {
            try {
                return OptionalLong.of(WalkQuery.number("number", value.asString()));
            } catch (WalkQuery.WrongQueryException _) {
                // falls through
            }
        }
        throw QmpException.generic(
                "argument '" + name + "' must be an integer, or a string as \"0x1000\"");
    }

    /** An integer that is read over; QEMU knows it, and it makes no difference here. */
    void ignoreInteger(String name) throws QmpException {
        JsonNode value = object.get(name);
        taken.add(name);
        if (value != null && !value.isIntegralNumber()) {
            throw QmpException.generic("argument '" + name + "' must be an integer");
        }
    }

    /** A value that makes no difference. */
    void ignore(String name) {
        taken.add(name);
    }

    /** A list of strings; empty if it is not given. */
    Set<String> optionalTexts(String name) throws QmpException {
        JsonNode value = object.get(name);
        taken.add(name);
        Set<String> texts = new HashSet<>();
        if (value == null) {
            return texts;
        }
        if (!value.isArray()) {
            throw QmpException.generic("argument '" + name + "' must be a list");
        }
        for (JsonNode element : value) {
            if (!element.isString()) {
                throw QmpException.generic("argument '" + name + "' must be a list of strings");
            }
            texts.add(element.asString());
        }
        return texts;
    }

    /** All that was not taken, as properties of a device: scalars, in the spelling of -device. */
    Map<String, String> rest() throws QmpException {
        Map<String, String> properties = new LinkedHashMap<>();
        for (Map.Entry<String, JsonNode> entry : object.properties()) {
            if (taken.add(entry.getKey())) {
                properties.put(entry.getKey(), scalar(entry.getKey(), entry.getValue()));
            }
        }
        return properties;
    }

    private static String scalar(String name, JsonNode value) throws QmpException {
        if (value.isContainer() || value.isNull()) {
            throw QmpException.generic(
                    "argument '" + name + "' must be a string, a number, true or false");
        }
        return value.isBoolean() ? (value.asBoolean() ? "on" : "off") : value.asString();
    }

    /** To be called before a command does anything. */
    void expectNoMore() throws QmpException {
        for (String name : object.propertyNames()) {
            if (!taken.contains(name)) {
                throw QmpException.generic("argument '" + name + "' is not known");
            }
        }
    }
}
