package nestor.testkit;

import nestor.iommu.walk.WalkExplorer;
import nestor.iommu.walk.WalkOutcome;
import nestor.iommu.walk.WalkReport;

/** The naive check of {@link WalkReport.Extent}: explore another address, and compare. */
public final class Extents {
    private Extents() {}

    /**
     * Compares a report with that of another address which it claims to hold for.
     *
     * @throws AssertionError if it does not
     */
    public static void assertHolds(WalkExplorer iommu, WalkReport report, Choices choices) {
        long iova = report.iova();
        long beyond = report.extent().lastIova() - iova;
        long distance = choices.oneIn(4) ? beyond : choices.anyLong() & beyond;
        if (Long.compareUnsigned(report.extent().lastIova(), iova) < 0) {
            throw new AssertionError("ends before it begins: " + report);
        }
        WalkReport other = iommu.explore(report.requester(), iova + distance, report.access());
        boolean same =
                switch (report.outcome()) {
                    case WalkOutcome.Mapped mapped ->
                            other.outcome() instanceof WalkOutcome.Mapped found
                                    && found.output() == mapped.output() + distance
                                    && found.granted() == mapped.granted();
                    case WalkOutcome.Untranslated _ -> other.outcome().equals(report.outcome());
                    case WalkOutcome.Refused refused ->
                            other.outcome() instanceof WalkOutcome.Refused found
                                    && found.fault().equals(refused.fault())
                                    && found.granted() == refused.granted();
                };
        if (!same || other.extent().lastIova() != report.extent().lastIova()) {
            throw new AssertionError(
                    "0x%x further: %s, not as %s".formatted(distance, other, report));
        }
    }
}
