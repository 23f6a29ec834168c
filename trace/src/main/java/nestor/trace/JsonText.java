package nestor.trace;

import java.util.Map;
import java.util.SequencedMap;

/** Values as JSON text. */
final class JsonText {
    private static final char FIRST_PRINTABLE = ' ';
    private static final char LAST_PRINTABLE = '~';

    private JsonText() {}

    static String string(String text) {
        StringBuilder json = new StringBuilder("\"");
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '"' || c == '\\') {
                json.append('\\').append(c);
            } else if (c < FIRST_PRINTABLE || c > LAST_PRINTABLE) {
                json.append("\\u%04x".formatted((int) c));
            } else {
                json.append(c);
            }
        }
        return json.append('"').toString();
    }

    /** A 64-bit number is text, because many readers of JSON keep only 53 bits of one. */
    static String fields(SequencedMap<String, Object> fields) {
        StringBuilder json = new StringBuilder("{");
        for (Map.Entry<String, Object> field : fields.entrySet()) {
            json.append(json.length() > 1 ? "," : "").append(string(field.getKey())).append(':');
            switch (field.getValue()) {
                case Integer value -> json.append((int) value);
                case Boolean value -> json.append((boolean) value);
                default -> json.append(string(TraceRecord.shown(field)));
            }
        }
        return json.append('}').toString();
    }
}
