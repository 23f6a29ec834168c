package nestor.iommu.host;

import java.util.List;

/**
 * How far a batch of invalidations got.
 *
 * @param handled entries done, from the first on; if fewer than given, the host refused the next
 *     one, and the rest is still to do
 * @param errors of entries that were handled, but not by all hardware; a kernel that reports none
 *     leaves this empty
 */
public record InvalidationProgress(int handled, List<EntryError> errors) {
    /** What hardware made of an entry. */
    public enum Kind {
        /** VT-d ICE: an invalidation completion error. */
        COMPLETION,
        /** VT-d ITE: a Device-TLB did not answer in time. */
        DEVICE_TIMEOUT
    }

    /**
     * One entry's error.
     *
     * @param index in the batch
     */
    public record EntryError(int index, Kind kind) {}

    public InvalidationProgress {
        errors = List.copyOf(errors);
    }

    /** So many entries, without errors. */
    public static InvalidationProgress of(int handled) {
        return new InvalidationProgress(handled, List.of());
    }
}
