package nestor.virtio.iommu;

import java.util.List;
import java.util.Optional;
import nestor.iommu.walk.CachedTranslation;
import nestor.iommu.walk.Exploration;
import nestor.iommu.walk.WalkField;
import nestor.iommu.walk.WalkOutcome;
import nestor.iommu.walk.WalkReport;
import nestor.iommu.walk.WalkStep;
import nestor.pci.Requester;
import nestor.pci.Translation;
import org.jspecify.annotations.Nullable;

/**
 * What a request would meet (§5.13.6), without making it. Any thread.
 *
 * @param bypass whether endpoints without a domain reach memory
 * @param hasTables whether drivers may attach tables
 */
record VirtioIommuExplorer(AddressSpaces spaces, boolean bypass, boolean hasTables) {
    private static final String REPORTS = "virtio, §5.13.6.9";

    /** The last address of all, unsigned. */
    private static final long EVERYTHING = -1;

    /**
     * @param message whether the request is an interrupt message that passes
     */
    WalkReport explore(Requester requester, long iova, int access, boolean message) {
        Domain domain = spaces.of(requester.rid(), requester.pasid());
        var steps = new Exploration("virtio-iommu", requester, iova, access);
        if (message) {
            return steps.report(
                    new WalkOutcome.Untranslated("a reserved region of MSIs"),
                    iova | MappedDomain.PAGE_BYTES - 1,
                    List.of());
        }
        if (domain != null) {
            steps.add(attachment(domain));
        }
        return switch (domain) {
            case null -> {
                steps.reachesPasid(lastWithout(requester));
                yield steps.report(unattached(requester), EVERYTHING, List.of());
            }
            case TableDomain table ->
                    table.space().explore(steps, fault -> name(Fault.Reason.of(fault)));
            case MappedDomain mapped ->
                    requester.hasPasid()
                            ? steps.report(unattached(requester), EVERYTHING, List.of())
                            : mapped(mapped, steps);
        };
    }

    private int lastWithout(Requester requester) {
        return requester.hasPasid()
                ? spaces.attachment(requester.rid()).lastWithout(requester.pasid())
                : WalkReport.MAX_PASID;
    }

    private static String name(Fault.Reason reason) {
        return "VIRTIO_IOMMU_FAULT_R_" + reason;
    }

    private WalkOutcome unattached(Requester requester) {
        if (!requester.hasPasid() && bypass) {
            return new WalkOutcome.Untranslated("no domain, and bypass is on");
        }
        boolean unknown = requester.hasPasid() && !hasTables;
        return new WalkOutcome.Refused(
                name(unknown ? Fault.Reason.UNKNOWN : Fault.Reason.DOMAIN),
                REPORTS,
                "no domain for it",
                0);
    }

    private static WalkStep attachment(Domain domain) {
        return step("domain", "virtio, §5.13.6.3", List.of(new WalkField("domain", domain.id())));
    }

    private static WalkStep step(String name, String section, List<WalkField> fields) {
        return new WalkStep(
                name,
                section,
                Optional.empty(),
                Optional.empty(),
                List.of(),
                fields,
                List.of(),
                List.of());
    }

    private static WalkReport mapped(MappedDomain domain, Exploration steps) {
        if (domain.isBypass()) {
            return steps.report(
                    new WalkOutcome.Untranslated("the domain bypasses"), EVERYTHING, List.of());
        }
        long iova = steps.iova();
        MappedDomain.MappedRange range = domain.find(iova);
        WalkOutcome outcome;
        if (range == null) {
            outcome = unmapped(0);
        } else {
            steps.add(
                    step(
                            "mapping",
                            "virtio, §5.13.6.5",
                            List.of(
                                    new WalkField("virt_start", range.range().first()),
                                    new WalkField("virt_end", range.range().last()),
                                    new WalkField("phys_start", range.gpa()),
                                    new WalkField("flags", range.access()))));
            Translation.Mapping block = range.block(iova);
            outcome =
                    VirtioIommu.allows(block, steps.access())
                            ? new WalkOutcome.Mapped(
                                    block.gpa(iova),
                                    block.sizeLog2(),
                                    block.access(),
                                    Optional.empty())
                            : unmapped(block.access());
        }
        return steps.report(outcome, domain.last(iova), cached(domain.cached(iova), iova, outcome));
    }

    private static WalkOutcome unmapped(int granted) {
        return new WalkOutcome.Refused(
                name(Fault.Reason.MAPPING),
                REPORTS,
                granted == 0 ? "no mapping" : "not mapped for this access",
                granted);
    }

    private static List<CachedTranslation> cached(
            Translation.@Nullable Mapping mapping, long iova, WalkOutcome outcome) {
        return mapping == null
                ? List.of()
                : List.of(CachedTranslation.of("IOTLB", mapping, iova, outcome));
    }
}
