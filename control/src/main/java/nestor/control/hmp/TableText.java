package nestor.control.hmp;

import java.util.List;
import java.util.Map;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** The views of tables as text: a line for each run of addresses, as {@code info mem} has it. */
final class TableText {
    /** The fields of an entry that say where it leads, and as whom; the rest is in the JSON. */
    private static final List<String> POINTERS =
            List.of(
                    "V",
                    "ASID",
                    "TTB0",
                    "TTB1",
                    "P",
                    "PGTT",
                    "DID",
                    "FSPTPTR",
                    "SSPTPTR",
                    "PASID",
                    "TTBR",
                    "TCR",
                    "S1ContextPtr",
                    "input bits");

    private TableText() {}

    static String pageTable(ObjectNode view) {
        StringBuilder text = new StringBuilder();
        for (JsonNode run : view.get("mapped")) {
            long first = number(run.get("first"));
            long last = number(run.get("last"));
            text.append("%016x-%016x %s ".formatted(first, last, run.get("access").asString()));
            int pieces = run.get("pieces").asInt();
            JsonNode untranslated = run.get("untranslated");
            if (untranslated != null) {
                text.append("untranslated: ").append(untranslated.asString());
            } else {
                text.append("-> ").append(run.get("output").asString());
                text.append(pieces == 1 ? "" : ", in %d pieces".formatted(pieces));
            }
            text.append('\n');
        }
        JsonNode cut = view.get("cut");
        JsonNode nothing = view.get("nothing");
        if (cut != null) {
            text.append("... cut: more from %s on%n".formatted(cut.asString()));
        } else if (nothing != null) {
            text.append(
                    "nothing is mapped: the first address ends in %s (%s)%n"
                            .formatted(
                                    nothing.get("fault").asString(),
                                    nothing.get("section").asString()));
        }
        return text.toString();
    }

    private static long number(JsonNode hexadecimal) {
        return Long.parseUnsignedLong(hexadecimal.asString().substring("0x".length()), 16);
    }

    static String pasids(ArrayNode functions) {
        StringBuilder text = new StringBuilder();
        for (JsonNode function : functions) {
            JsonNode entries = function.get("pasids");
            JsonNode cut = function.get("cut");
            text.append(function.get("function").asString());
            text.append(entries.isEmpty() && cut == null ? ": no PASIDs\n" : ":\n");
            entries.forEach(entry -> entry(text, entry));
            if (cut != null) {
                text.append("  ... cut: more from %d on%n".formatted(cut.asInt()));
            }
        }
        return text.isEmpty() ? "no function is behind an IOMMU\n" : text.toString();
    }

    private static void entry(StringBuilder text, JsonNode one) {
        JsonNode entry = one.get("entry");
        text.append(
                "  pasid %d: %s".formatted(one.get("pasid").asInt(), entry.get("name").asString()));
        JsonNode gpa = entry.get("gpa");
        if (gpa != null) {
            text.append(" at ").append(gpa.asString());
        }
        for (Map.Entry<String, JsonNode> field : entry.get("fields").properties()) {
            if (POINTERS.contains(field.getKey())) {
                text.append(" %s=%s".formatted(field.getKey(), field.getValue().asString()));
            }
        }
        entry.get("errors").forEach(error -> text.append(" ! ").append(error.asString()));
        text.append('\n');
    }
}
