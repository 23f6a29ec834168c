package nestor.iommu.format;

import java.util.List;
import java.util.function.BiPredicate;

/**
 * What makes a structure illegal, field by field. Any thread.
 *
 * @param <S> the structure
 * @param <C> what else decides: features, or a structure that leads to it
 * @param rules in the order in which broken ones are named
 */
public record LegalityRules<S, C>(List<Rule<S, C>> rules) {
    /**
     * One rule.
     *
     * @param field that it is about, as the specification has it
     */
    public record Rule<S, C>(String field, BiPredicate<S, C> isBroken) {}

    public LegalityRules {
        rules = List.copyOf(rules);
    }

    /** A rule that {@code isBroken} tells to be broken. */
    public static <S, C> Rule<S, C> rule(String field, BiPredicate<S, C> isBroken) {
        return new Rule<>(field, isBroken);
    }

    /** Whether all are kept; allocates nothing. */
    public boolean kept(S structure, C context) {
        for (int i = 0; i < rules.size(); i++) {
            if (rules.get(i).isBroken.test(structure, context)) {
                return false;
            }
        }
        return true;
    }

    /** The fields of those that are not. */
    public List<String> broken(S structure, C context) {
        return rules.stream()
                .filter(rule -> rule.isBroken.test(structure, context))
                .map(Rule::field)
                .toList();
    }
}
