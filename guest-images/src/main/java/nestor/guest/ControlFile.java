package nestor.guest;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Stanzas of fields, as in deb822(5): {@code Name: value}, continued by indented lines, parted by
 * empty lines.
 */
final class ControlFile {
    private ControlFile() {}

    /** The stanzas in order. Field names are in lower case; a folded value keeps its line ends. */
    static List<Map<String, String>> parse(String text) {
        List<Map<String, String>> stanzas = new ArrayList<>();
        Map<String, String> stanza = new LinkedHashMap<>();
        String field = "";
        for (String line : text.lines().toList()) {
            if (line.isBlank()) {
                if (!stanza.isEmpty()) {
                    stanzas.add(stanza);
                    stanza = new LinkedHashMap<>();
                }
                field = "";
            } else if (Character.isWhitespace(line.charAt(0))) {
                stanza.computeIfPresent(field, (_, value) -> value + "\n" + line.strip());
            } else if (!line.startsWith("#")) {
                int colon = line.indexOf(':');
                field = colon < 0 ? "" : line.substring(0, colon).strip().toLowerCase(Locale.ROOT);
                if (!field.isEmpty()) {
                    stanza.put(field, line.substring(colon + 1).strip());
                }
            }
        }
        if (!stanza.isEmpty()) {
            stanzas.add(stanza);
        }
        return stanzas;
    }
}
