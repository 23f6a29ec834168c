package nestor.control.view;

import java.util.List;
import java.util.Optional;
import nestor.control.Json;
import nestor.control.view.WalkQuery.WrongQueryException;
import tools.jackson.databind.node.ObjectNode;

/**
 * What is asked of {@code info pasid}.
 *
 * @param function as {@link WalkQuery#function}; empty for all behind an IOMMU
 * @param first the first PASID that is looked at
 */
public record PasidQuery(Optional<String> function, int first) {
    /** The topic of {@code info}. */
    public static final String TOPIC = "pasid";

    /** How it is written. */
    public static final String USAGE = "[FUNCTION [FIRST]]";

    private static final int MAX_WORDS = 2;

    /** Reads a question from words. */
    public static PasidQuery parse(List<String> words) throws WrongQueryException {
        if (words.size() > MAX_WORDS) {
            throw new WrongQueryException("info pasid " + USAGE);
        }
        return new PasidQuery(
                words.stream().findFirst(),
                words.size() < MAX_WORDS
                        ? 0
                        : WalkQuery.pasid(WalkQuery.number("PASID", words.getLast())));
    }

    /** As arguments of {@code x-nestor-info}. */
    public ObjectNode arguments() {
        ObjectNode arguments = Json.object().put("topic", TOPIC);
        function.ifPresent(name -> arguments.put("function", name).put("pasid", first));
        return arguments;
    }
}
