package nestor.control.web;

import java.util.List;
import java.util.Optional;
import nestor.control.Json;
import nestor.control.view.Views;
import nestor.control.view.WalkQuery;
import nestor.control.view.WalkView;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.LongNode;
import tools.jackson.databind.node.ObjectNode;
import tools.jackson.databind.node.StringNode;

/**
 * What a page may ask, each with an {@code id} that comes back with the answer:
 *
 * <ul>
 *   <li>{@code {"views": ["pci", ...]}}: views by their topics;
 *   <li>{@code {"walk": "00:03.0 pasid 1 read 0x1000"}}: what a request would meet ({@link
 *       WalkQuery});
 *   <li>{@code {"timeline": true}}: begin, or with false end, to tell what devices do.
 * </ul>
 *
 * On the thread that answers.
 */
final class Questions {
    /** JavaScript's Number.MAX_SAFE_INTEGER. */
    private static final long MAX_NUMBER = (1L << 53) - 1;

    private static final int MAX_VIEWS = 16;

    private final Views views;
    private final Timeline timeline;

    Questions(Views views, Timeline timeline) {
        this.views = views;
        this.timeline = timeline;
    }

    /**
     * @param ring what waits for the page that asks
     */
    byte[] answer(EventRing ring, byte[] question) {
        ObjectNode answer = Json.object();
        JsonNode asked;
        try {
            asked = Json.read(question);
        } catch (JacksonException e) {
            return Json.write(answer.put("error", "this is no JSON"));
        }
        if (asked.path("id").isIntegralNumber()) {
            answer.set("id", asked.path("id"));
        }
        Optional<String> error = Optional.of("give views, walk or timeline");
        if (asked.path("views").isArray()) {
            error = views(answer, asked.path("views"));
        } else if (asked.path("walk").isString()) {
            error = walk(answer, asked.path("walk").asString());
        } else if (asked.path("timeline").isBoolean()) {
            boolean wanted = asked.path("timeline").asBoolean();
            if (wanted) {
                timeline.join(ring);
            } else {
                timeline.leave(ring);
            }
            answer.put("timeline", wanted);
            error = Optional.empty();
        }
        error.ifPresent(text -> answer.put("error", text));
        return Json.write(answer);
    }

    private Optional<String> views(ObjectNode answer, JsonNode topics) {
        if (topics.size() > MAX_VIEWS) {
            return Optional.of("%d views at most".formatted(MAX_VIEWS));
        }
        ObjectNode found = answer.putObject("views");
        for (JsonNode topic : topics) {
            Optional<JsonNode> view =
                    topic.isString() ? views.of(topic.asString()) : Optional.empty();
            if (view.isEmpty()) {
                return Optional.of("known views: " + String.join(", ", Views.topics()));
            }
            found.set(topic.asString(), safe(view.get()));
        }
        return Optional.empty();
    }

    private Optional<String> walk(ObjectNode answer, String text) {
        try {
            List<String> words = List.of(text.strip().split("\\s+", -1));
            answer.set("walk", WalkView.of(views.walk(WalkQuery.parse(words))));
            return Optional.empty();
        } catch (WalkQuery.WrongQueryException e) {
            return Optional.of(String.valueOf(e.getMessage()));
        }
    }

    /** A number that JavaScript would round becomes text, in hexadecimal. */
    private static JsonNode safe(JsonNode node) {
        return switch (node) {
            case ObjectNode object -> {
                ObjectNode safe = Json.object();
                object.properties().forEach(one -> safe.set(one.getKey(), safe(one.getValue())));
                yield safe;
            }
            case ArrayNode list -> {
                ArrayNode safe = Json.array();
                list.forEach(one -> safe.add(safe(one)));
                yield safe;
            }
            case LongNode number when number.longValue() < 0 || number.longValue() > MAX_NUMBER ->
                    StringNode.valueOf("0x" + Long.toHexString(number.longValue()));
            default -> node;
        };
    }
}
