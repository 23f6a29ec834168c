package nestor.virtio.iommu;

import static nestor.virtio.iommu.TableHarness.ALL_PERMISSIONS;
import static nestor.virtio.iommu.TableHarness.ENDPOINT;
import static nestor.virtio.iommu.TableHarness.IOTLB;
import static nestor.virtio.iommu.TableHarness.OK;
import static nestor.virtio.iommu.TableHarness.PASID_CACHE;
import static nestor.virtio.iommu.TableHarness.PHYS;
import static nestor.virtio.iommu.TableHarness.attachCds;
import static nestor.virtio.iommu.TableHarness.cdWord0;
import static nestor.virtio.iommu.TableHarness.pasid;
import static nestor.virtio.iommu.TableHarness.plain;
import static org.assertj.core.api.Assertions.assertThat;

import nestor.iommu.walk.CachedTranslation;
import nestor.iommu.walk.WalkOutcome;
import nestor.iommu.walk.WalkReport;
import nestor.iommu.walk.WalkStep;
import nestor.pci.AddressType;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.testkit.Choices;
import nestor.testkit.Extents;
import nestor.testkit.HostileTables;
import nestor.testkit.PageTables;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** What an explored walk of attached tables says is what happens. */
class TableExplorerTest {
    private static final long IOVA = 0x7000_0000L;
    private static final long NOT_GLOBAL = 1L << 11;
    private static final long HOSTILE = TableHarness.PHYS;
    private static final int HOSTILE_LOG2 = 19;

    private final TableHarness tables = new TableHarness(TableProfile.NESTOR);
    private final long cds = tables.machine.allocate(4096);

    private void attach(int pasid, PageTables arm) {
        tables.writeCd(cds + 64L * pasid, cdWord0(0x100 + pasid), arm.root());
        assertThat(tables.iommu.status(attachCds(1, ENDPOINT, 0, 2, cds, 4))).isEqualTo(OK);
    }

    private Translation translate(Requester requester, long iova, int access) {
        return tables.device.translate(requester, AddressType.UNTRANSLATED, iova, access);
    }

    @Test
    @DisplayName("IHI 0070, §5.4: the attached table, the context descriptor, and every level")
    void aWalkIsToldFieldByField() {
        PageTables arm = tables.arm();
        arm.map(IOVA, PHYS, 12, ALL_PERMISSIONS, NOT_GLOBAL);
        attach(5, arm);
        WalkReport report = tables.device.explore(pasid(ENDPOINT, 5), IOVA + 8, Translation.READ);
        assertThat(report.structures())
                .extracting(WalkStep::name)
                .containsExactly("domain", "attached tables, ARM_SMMUV3", "CD");
        assertThat(report.structures().getLast().gpa()).contains(cds + 64 * 5);
        assertThat(report.stage1()).isNotEmpty();
        assertThat(report.outcome())
                .isInstanceOfSatisfying(
                        WalkOutcome.Mapped.class,
                        mapped -> assertThat(mapped.output()).isEqualTo(PHYS + 8));
    }

    @Test
    @DisplayName("§5.13.6.9: who is attached to nothing, or has no context, is told so")
    void aFaultHasTheNameOfItsReport() {
        assertThat(tables.device.explore(pasid(ENDPOINT, 5), IOVA, Translation.READ).outcome())
                .isEqualTo(
                        new WalkOutcome.Refused(
                                "VIRTIO_IOMMU_FAULT_R_DOMAIN",
                                "virtio, §5.13.6.9",
                                "no domain for it",
                                0));
        attach(5, tables.arm());
        assertThat(tables.device.explore(pasid(ENDPOINT, 6), IOVA, Translation.READ))
                .satisfies(report -> {
                    assertThat(report.structures().getLast().errors()).containsExactly("V");
                    assertThat(report.outcome())
                            .isInstanceOfSatisfying(
                                    WalkOutcome.Refused.class,
                                    refused ->
                                            assertThat(refused.fault())
                                                    .isEqualTo("VIRTIO_IOMMU_FAULT_R_DOMAIN"));
                });
    }

    @Test
    void aStaleTranslationAndAStaleContextAreMarked() {
        PageTables arm = tables.arm();
        arm.map(IOVA, PHYS, 12, ALL_PERMISSIONS, NOT_GLOBAL);
        attach(5, arm);
        Requester requester = pasid(ENDPOINT, 5);
        translate(requester, IOVA, Translation.READ);
        assertThat(tables.device.explore(requester, IOVA, Translation.READ).cached())
                .hasSize(2)
                .allSatisfy(cached -> assertThat(cached.stale()).isEmpty());
        arm.unmap(IOVA);
        tables.writeCd(cds + 64L * 5, cdWord0(0x106), arm.root());
        assertThat(tables.device.explore(requester, IOVA, Translation.READ).cached())
                .extracting(CachedTranslation::stale)
                .allSatisfy(stale -> assertThat(stale).isPresent());
        assertThat(tables.invalidatePasid(1, IOTLB | PASID_CACHE, 5)).isEqualTo(OK);
        assertThat(tables.device.explore(requester, IOVA, Translation.READ).cached()).isEmpty();
    }

    @Test
    void aReportAgreesWithWhatHappensOverHostileTables() {
        long seed = Long.getLong("nestor.seed", System.nanoTime());
        System.out.println("TableExplorerTest -Dnestor.seed=" + seed);
        Choices choices = Choices.seeded(seed);
        attach(0, tables.arm());
        int mapped = 0;
        for (int round = 0; round < 40; round++) {
            new HostileTables(
                            choices,
                            HostileTables.Style.VMSA_V8,
                            choices.below(5),
                            HOSTILE,
                            HOSTILE_LOG2)
                    .fill(tables.machine.memory(), HOSTILE, 1 << HOSTILE_LOG2);
            for (int pasid = 0; pasid < 4; pasid++) {
                long flips = choices.oneIn(4) ? 1L << choices.below(64) : 0;
                tables.writeCd(cds + 64L * pasid, cdWord0(0x100 + pasid) ^ flips, HOSTILE);
            }
            for (int i = 0; i < 20; i++) {
                assertThat(tables.invalidateDomain(1, IOTLB | PASID_CACHE)).isEqualTo(OK);
                mapped += compare(choices) ? 1 : 0;
            }
        }
        assertThat(mapped).describedAs("requests that reached memory").isGreaterThan(20);
    }

    private boolean compare(Choices choices) {
        int pasid = choices.below(6);
        Requester requester =
                pasid == 0 ? plain(ENDPOINT) : new Requester(ENDPOINT, pasid, choices.oneIn(4));
        long iova = choices.oneIn(8) ? choices.anyLong() : choices.anyLong() >>> 16;
        int access = 1 + choices.below(7);
        WalkReport report = tables.device.explore(requester, iova, access);
        assertThat(report.cached()).isEmpty();
        Extents.assertHolds(tables.device, report, choices);
        Translation answer = translate(requester, iova, access);
        switch (report.outcome()) {
            case WalkOutcome.Mapped foretold -> {
                assertThat(answer).isInstanceOf(Translation.Mapping.class);
                assertThat(((Translation.Mapping) answer).gpa(iova)).isEqualTo(foretold.output());
                return true;
            }
            case WalkOutcome.Untranslated _ ->
                    assertThat(((Translation.Mapping) answer).gpa(iova)).isEqualTo(iova);
            case WalkOutcome.Refused _ ->
                    assertThat(answer).isInstanceOf(Translation.Rejected.class);
        }
        return false;
    }
}
