package nestor.iommu.walk;

import java.util.Optional;
import nestor.pci.Translation;

/**
 * What a cache holds for the address.
 *
 * @param cache {@code IOTLB}, {@code configuration cache}, {@code ATC}
 * @param mapping empty of a cached configuration, which maps nothing itself
 * @param stale why it is not what the tables say; empty if it is
 */
public record CachedTranslation(
        String cache, Optional<Translation.Mapping> mapping, Optional<String> stale) {
    /** A cached configuration. */
    public static CachedTranslation ofConfiguration(String cache, Optional<String> stale) {
        return new CachedTranslation(cache, Optional.empty(), stale);
    }

    /** A cached mapping beside what a walk comes to. */
    public static CachedTranslation of(
            String cache, Translation.Mapping mapping, long iova, WalkOutcome outcome) {
        return new CachedTranslation(
                cache, Optional.of(mapping), stale(mapping, iova, mapping.gpa(iova), outcome));
    }

    /**
     * The same of an ATC.
     *
     * @param mapping its output is what ATS gave
     */
    public static CachedTranslation ofAtc(
            Translation.Mapping mapping, long iova, WalkOutcome outcome) {
        WalkOutcome asAts =
                outcome instanceof WalkOutcome.Mapped mapped && mapped.ats().isPresent()
                        ? new WalkOutcome.Mapped(
                                mapped.ats().get(),
                                mapped.sizeLog2(),
                                mapped.granted(),
                                Optional.empty())
                        : outcome;
        return of("ATC", mapping, iova, asAts);
    }

    /** Permissions that were taken away make it stale; ones that came are seen by a later walk. */
    private static Optional<String> stale(
            Translation.Mapping mapping, long iova, long cached, WalkOutcome outcome) {
        return switch (outcome) {
            case WalkOutcome.Mapped(long output, _, int granted, _) -> {
                if (cached != output) {
                    yield Optional.of("the tables lead to 0x%x".formatted(output));
                }
                yield excess(mapping.access() & ~granted, granted);
            }
            case WalkOutcome.Untranslated _ ->
                    cached == iova
                            ? Optional.empty()
                            : Optional.of("the address passes untranslated");
            case WalkOutcome.Refused(String fault, _, _, int granted) ->
                    granted == 0
                            ? Optional.of("a walk ends in " + fault)
                            : excess(mapping.access() & ~granted, granted);
        };
    }

    private static Optional<String> excess(int more, int granted) {
        return more == 0
                ? Optional.empty()
                : Optional.of("the tables grant %s only".formatted(access(granted)));
    }

    /** Access bits as {@code rwx}. */
    public static String access(int access) {
        return ((access & Translation.READ) != 0 ? "r" : "-")
                + ((access & Translation.WRITE) != 0 ? "w" : "-")
                + ((access & Translation.EXECUTE) != 0 ? "x" : "-");
    }
}
