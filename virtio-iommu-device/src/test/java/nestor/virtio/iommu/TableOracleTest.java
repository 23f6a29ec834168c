package nestor.virtio.iommu;

import static nestor.virtio.iommu.TableHarness.ALL_PERMISSIONS;
import static nestor.virtio.iommu.TableHarness.ENDPOINT;
import static nestor.virtio.iommu.TableHarness.F_ARCHID;
import static nestor.virtio.iommu.TableHarness.IOTLB;
import static nestor.virtio.iommu.TableHarness.OK;
import static nestor.virtio.iommu.TableHarness.PHYS;
import static nestor.virtio.iommu.TableHarness.VA;
import static nestor.virtio.iommu.TableHarness.attachCds;
import static nestor.virtio.iommu.TableHarness.cdWord0;
import static nestor.virtio.iommu.TableHarness.invalidateBytes;
import static nestor.virtio.iommu.TableHarness.pasid;
import static nestor.virtio.iommu.TableHarness.plain;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.function.Predicate;
import nestor.iommu.IovaRange;
import nestor.pci.AddressType;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.testkit.Choices;
import nestor.testkit.PageTables;
import nestor.testkit.StaleTranslationOracle;
import org.junit.jupiter.api.Test;

/** Random mapping, unmapping, DMA and invalidation by every scope: no DMA is ever stale. */
class TableOracleTest {
    private static final long IOVA = 0x7000_0000L;
    private static final int PASIDS = 4;
    private static final int PAGES = 16;
    private static final int STEPS = 6_000;
    private static final long NOT_GLOBAL = 1L << 11;

    private final TableHarness tables = new TableHarness(TableProfile.NESTOR);
    private final StaleTranslationOracle oracle = new StaleTranslationOracle();
    private final PageTables[] arm = new PageTables[PASIDS];

    private static Requester requester(int pasid) {
        return pasid == 0 ? plain(ENDPOINT) : pasid(ENDPOINT, pasid);
    }

    private static IovaRange pages(int first, int count) {
        return new IovaRange(IOVA + first * 0x1000L, IOVA + (first + count) * 0x1000L - 1);
    }

    @Test
    void noDmaUsesATranslationThatWasInvalidated() {
        long seed = Long.getLong("nestor.seed", System.nanoTime());
        System.out.println("TableOracleTest: -Dnestor.seed=" + seed);
        Choices choices = Choices.seeded(seed);
        long cds = tables.machine.allocate(4096);
        for (int pasid = 0; pasid < PASIDS; pasid++) {
            arm[pasid] = tables.arm();
            arm[pasid].map(IOVA, PHYS, 12, ALL_PERMISSIONS, NOT_GLOBAL);
            arm[pasid].unmap(IOVA);
            tables.writeCd(cds + 64L * pasid, cdWord0(0x100 + pasid), arm[pasid].root());
        }
        assertThat(tables.iommu.status(attachCds(1, ENDPOINT, 0, 2, cds, 4))).isEqualTo(OK);
        int hits = 0;
        for (int step = 0; step < STEPS; step++) {
            int pasid = choices.below(PASIDS);
            int page = choices.below(PAGES);
            if (choices.oneIn(8)) {
                invalidate(choices, pasid, page);
            } else if (choices.oneIn(3)) {
                write(choices, pasid, page);
            } else {
                hits += dma(pasid, page) ? 1 : 0;
            }
        }
        oracle.settled();
        assertThat(oracle.violations()).isEmpty();
        assertThat(hits).describedAs("DMAs that reached memory").isGreaterThan(STEPS / 10);
    }

    private void write(Choices choices, int pasid, int page) {
        long iova = IOVA + page * 0x1000L;
        long gpa = PHYS + choices.below(256) * 0x1000L;
        if (choices.oneIn(4)) {
            arm[pasid].unmap(iova);
            gpa = StaleTranslationOracle.UNMAPPED;
        } else {
            arm[pasid].map(iova, gpa, 12, ALL_PERMISSIONS, NOT_GLOBAL);
        }
        oracle.wrote(requester(pasid), iova, gpa);
    }

    private boolean dma(int pasid, int page) {
        long iova = IOVA + page * 0x1000L;
        long ticket = tables.device.enterDma();
        StaleTranslationOracle.Access access = oracle.entered(requester(pasid), iova);
        Translation answer =
                tables.device.translate(
                        requester(pasid), AddressType.UNTRANSLATED, iova, Translation.READ);
        boolean reached = answer instanceof Translation.Mapping;
        if (answer instanceof Translation.Mapping mapping) {
            oracle.committed(access, mapping.gpa(iova));
        } else {
            oracle.faulted(access);
        }
        tables.device.exitDma(ticket);
        return reached;
    }

    private void invalidate(Choices choices, int pasid, int page) {
        int count = 1 + choices.below(PAGES - page);
        IovaRange range = pages(page, count);
        Predicate<Requester> everyone = _ -> true;
        Predicate<Requester> one = requester(pasid)::equals;
        StaleTranslationOracle.Invalidation invalidation;
        int status;
        switch (choices.below(4)) {
            case 0 -> {
                invalidation = oracle.submitted(everyone, IovaRange.ALL);
                status = tables.invalidateDomain(1, IOTLB);
            }
            case 1 -> {
                invalidation = oracle.submitted(one, IovaRange.ALL);
                status = tables.invalidatePasid(1, IOTLB, pasid);
            }
            case 2 -> {
                invalidation = oracle.submitted(one, range);
                status = tables.invalidatePages(1, IOTLB, pasid, range.first(), count);
            }
            default -> {
                invalidation = oracle.submitted(one, range);
                status =
                        tables.iommu.status(
                                invalidateBytes(
                                        VA,
                                        IOTLB,
                                        F_ARCHID,
                                        1,
                                        pasid,
                                        0x100 + pasid,
                                        range.first(),
                                        count,
                                        12));
            }
        }
        assertThat(status).isEqualTo(OK);
        oracle.completed(invalidation);
    }
}
