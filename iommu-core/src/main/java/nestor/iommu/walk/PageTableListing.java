package nestor.iommu.walk;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import nestor.pci.Requester;
import nestor.pci.Translation;
import org.jspecify.annotations.Nullable;

/**
 * What is mapped for a requester, in runs of addresses next to each other with the same
 * permissions. Found by exploring block after block and hole after hole, so that it is what
 * requests would meet; it changes nothing, and ends in bounded time whatever the guest has written.
 *
 * @param runs ascending
 * @param nothing why nothing is mapped, if that is so and it has a reason; the address it is about
 *     is the first
 * @param cut the address where the listing ended before its time, because it became too long
 */
public record PageTableListing(
        List<Run> runs, Optional<WalkOutcome.Refused> nothing, Optional<Long> cut) {
    /** Blocks and holes that are looked at. */
    public static final int MAX_LOOKS = 1 << 14;

    /** Runs that are listed. */
    public static final int MAX_RUNS = 1024;

    /**
     * Mapped addresses.
     *
     * @param last unsigned, inclusive
     * @param access granted, in the bits of {@link Translation}
     * @param output of the first address
     * @param pieces in how many pieces the output is in memory; blocks that follow each other there
     *     are one
     * @param untranslated why it passes as it is; empty if tables map it
     */
    public record Run(
            long first,
            long last,
            int access,
            long output,
            int pieces,
            Optional<String> untranslated) {}

    private static final int ALL_ACCESS =
            Translation.READ | Translation.WRITE | Translation.EXECUTE;

    public PageTableListing {
        runs = List.copyOf(runs);
    }

    /** Lists what is mapped from {@code first} to {@code last}, inclusive and unsigned. */
    public static PageTableListing of(
            WalkExplorer iommu, Requester requester, long first, long last) {
        Collector found = new Collector();
        WalkOutcome.Refused nothing = null;
        long at = first;
        for (int looks = 0; looks < MAX_LOOKS; looks++) {
            WalkReport report = look(iommu, requester, at);
            long end = min(report.extent().lastIova(), last);
            switch (report.outcome()) {
                case WalkOutcome.Mapped(long output, _, int granted, _) ->
                        found.add(at, end, granted, output, Optional.empty());
                case WalkOutcome.Untranslated(String why) ->
                        found.add(at, end, ALL_ACCESS, at, Optional.of(why));
                case WalkOutcome.Refused refused -> nothing = nothing == null ? refused : nothing;
            }
            if (found.runs.size() > MAX_RUNS) {
                return found.listing(nothing, found.removeLast());
            }
            if (end == last) {
                return found.listing(nothing, null);
            }
            at = end + 1;
        }
        return found.listing(nothing, at);
    }

    /** A mapping that does not let reads pass is there all the same. */
    private static WalkReport look(WalkExplorer iommu, Requester requester, long iova) {
        WalkReport report = iommu.explore(requester, iova, Translation.READ);
        return report.outcome() instanceof WalkOutcome.Refused refused && refused.granted() != 0
                ? iommu.explore(requester, iova, refused.granted())
                : report;
    }

    private static long min(long a, long b) {
        return Long.compareUnsigned(a, b) < 0 ? a : b;
    }

    private static final class Collector {
        private final List<Run> runs = new ArrayList<>();

        /** Where memory goes on after the last block. */
        private long next;

        void add(long first, long last, int access, long output, Optional<String> untranslated) {
            boolean follows = output == next;
            next = output + (last - first) + 1;
            Run before = runs.isEmpty() ? null : runs.getLast();
            if (before == null
                    || before.last + 1 != first
                    || before.access != access
                    || !before.untranslated.equals(untranslated)) {
                runs.add(new Run(first, last, access, output, 1, untranslated));
                return;
            }
            runs.set(
                    runs.size() - 1,
                    new Run(
                            before.first,
                            last,
                            access,
                            before.output,
                            before.pieces + (follows ? 0 : 1),
                            untranslated));
        }

        long removeLast() {
            return runs.removeLast().first;
        }

        PageTableListing listing(WalkOutcome.@Nullable Refused nothing, @Nullable Long cut) {
            return new PageTableListing(
                    runs,
                    runs.isEmpty() ? Optional.ofNullable(nothing) : Optional.empty(),
                    Optional.ofNullable(cut));
        }
    }
}
