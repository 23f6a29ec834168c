package nestor.control.qmp;

import java.util.Set;
import java.util.TreeSet;
import nestor.control.Json;
import nestor.trace.Tracing;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;

/** {@code trace-event-get-state} and {@code trace-event-set-state}. */
final class QmpTrace {
    private final Tracing tracing;

    QmpTrace(Tracing tracing) {
        this.tracing = tracing;
    }

    JsonNode state(Arguments arguments) throws QmpException {
        String glob = arguments.text("name");
        arguments.ignoreInteger("vcpu");
        arguments.expectNoMore();
        ArrayNode list = Json.array();
        for (String name : known(glob)) {
            String state = tracing.isEnabled(name) ? "enabled" : "disabled";
            list.addObject().put("name", name).put("vcpu", false).put("state", state);
        }
        return list;
    }

    /** There are no points that are known but cannot be recorded. */
    JsonNode change(Arguments arguments) throws QmpException {
        String glob = arguments.text("name");
        boolean on = arguments.flag("enable");
        arguments.ignore("ignore-unavailable");
        arguments.ignoreInteger("vcpu");
        arguments.expectNoMore();
        known(glob);
        tracing.set(glob, on);
        return Json.object();
    }

    private Set<String> known(String glob) throws QmpException {
        Set<String> names = new TreeSet<>(tracing.matching(glob));
        if (names.isEmpty()) {
            throw QmpException.generic("there is no trace event '" + glob + "'");
        }
        return names;
    }
}
