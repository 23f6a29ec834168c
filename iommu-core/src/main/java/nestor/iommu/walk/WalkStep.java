package nestor.iommu.walk;

import java.util.List;
import java.util.Optional;

/**
 * One structure or descriptor on the way.
 *
 * @param name of the structure, as {@code STE}; of a table, its stage and level
 * @param section of the specification that defines it
 * @param ipa its address if stage 2 translates it, else empty
 * @param gpa where it is in memory; empty if stage 2 leads nowhere
 * @param words as they are in memory; fewer than the structure has, or none, if it could not be
 *     read
 * @param fields decoded from them; empty if it could not be read
 * @param errors what is reserved or illegal in it
 * @param stage2 the walk of stage 2 for its own address
 */
public record WalkStep(
        String name,
        String section,
        Optional<Long> ipa,
        Optional<Long> gpa,
        List<Long> words,
        List<WalkField> fields,
        List<String> errors,
        List<WalkStep> stage2) {
    public WalkStep {
        words = List.copyOf(words);
        fields = List.copyOf(fields);
        errors = List.copyOf(errors);
        stage2 = List.copyOf(stage2);
    }

    /** This, with what is wrong with it. */
    public WalkStep with(List<String> found) {
        return new WalkStep(name, section, ipa, gpa, words, fields, found, stage2);
    }
}
