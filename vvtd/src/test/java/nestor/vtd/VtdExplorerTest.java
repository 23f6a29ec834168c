package nestor.vtd;

import static nestor.testkit.Explored.field;
import static nestor.testkit.Explored.step;
import static nestor.vtd.VtdHarness.DID;
import static nestor.vtd.VtdHarness.RID;
import static org.assertj.core.api.Assertions.assertThat;

import nestor.iommu.walk.CachedTranslation;
import nestor.iommu.walk.WalkOutcome;
import nestor.iommu.walk.WalkReport;
import nestor.iommu.walk.WalkStep;
import nestor.paging.Permissions;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.testkit.Choices;
import nestor.testkit.Explored;
import nestor.testkit.PageTables;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** What an explored walk says is what happens, and exploring leaves no trace. */
class VtdExplorerTest {
    private static final long IOVA = 0x4000_0000L;
    private static final int READ_WRITE = Permissions.READ | Permissions.WRITE;
    private static final Requester PASID_3 = new Requester(RID, 3, false);

    private final VtdHarness vtd = new VtdHarness().scalable().queue(true);

    private WalkReport explore(Requester requester, int access) {
        WalkReport report =
                Explored.untouched(
                        vtd.memory,
                        (int) VtdHarness.MEMORY_BYTES,
                        () -> vtd.unit.explore(requester, IOVA, access));
        assertThat(vtd.read32(0x034)).describedAs("FSTS").isZero();
        return report;
    }

    @Test
    @DisplayName("§3.4.3, §3.8, §9.1 to §9.8: root entry to leaf, both stages, field by field")
    void aNestedWalkIsToldFieldByField() {
        PageTables first = vtd.firstStageTables(4);
        PageTables second = vtd.secondStageTables(4);
        for (long page = 0; page < VtdHarness.MEMORY_BYTES; page += 1 << 21) {
            second.map(page, page, 21, READ_WRITE);
        }
        first.map(IOVA, 0x5000, 12, READ_WRITE);
        vtd.nested(3, DID, first, second);

        WalkReport report = explore(PASID_3, Translation.WRITE);

        assertThat(report.structures())
                .extracting(WalkStep::name)
                .containsExactly(
                        "scalable-mode root entry",
                        "scalable-mode context entry",
                        "PASID directory entry",
                        "PASID-table entry");
        assertThat(field(step(report, "PASID-table entry"), "PGTT")).isEqualTo(3);
        assertThat(field(step(report, "PASID-table entry"), "DID")).isEqualTo(DID);
        assertThat(report.stage1())
                .hasSize(4)
                .allSatisfy(step -> {
                    assertThat(step.stage2()).hasSize(3);
                    assertThat(field(step, "A")).describedAs("not set by looking").isZero();
                });
        assertThat(report.stage2()).hasSize(3);
        assertThat(report.outcome())
                .isInstanceOfSatisfying(
                        WalkOutcome.Mapped.class,
                        mapped -> assertThat(mapped.output()).isEqualTo(0x5000));
    }

    @Test
    @DisplayName("§9.6, §9.7: what is reserved is named")
    void reservedBitsAreNamed() {
        PageTables first = vtd.firstStageTables(4);
        first.map(IOVA, 0x5000, 12, READ_WRITE);
        vtd.firstStage(3, DID, first);
        first.setDescriptor(IOVA, first.descriptor(IOVA) | 1L << 51);
        WalkReport report = explore(PASID_3, Translation.READ);
        assertThat(report.stage1().getLast().errors())
                .containsExactly("address bits beyond the host address width (HAW) are reserved");
        assertThat(report.outcome())
                .isInstanceOfSatisfying(
                        WalkOutcome.Refused.class,
                        refused ->
                                assertThat(refused.fault())
                                        .isEqualTo("fault reason 72h, FIRST_STAGE_RESERVED"));

        long entry = step(report, "PASID-table entry").gpa().orElseThrow();
        vtd.store(entry, step(report, "PASID-table entry").words().getFirst() | 1L << 10);
        report = explore(PASID_3, Translation.READ);
        assertThat(step(report, "PASID-table entry").errors())
                .containsExactly("bit 10 is reserved");
    }

    @Test
    @DisplayName("§6.2: what the IOTLB still holds after the tables have changed is marked")
    void aStaleTranslationIsMarked() {
        PageTables first = vtd.firstStageTables(4);
        first.map(IOVA, 0x5000, 12, READ_WRITE);
        vtd.firstStage(3, DID, first);
        vtd.translate(PASID_3, IOVA, Translation.READ);
        assertThat(explore(PASID_3, Translation.READ).cached())
                .extracting(CachedTranslation::cache)
                .containsExactly("context and PASID cache", "IOTLB");
        assertThat(explore(PASID_3, Translation.READ).cached())
                .allSatisfy(cached -> assertThat(cached.stale()).isEmpty());
        first.setDescriptor(IOVA, 0);
        assertThat(explore(PASID_3, Translation.READ).cached().getLast().stale())
                .contains("a walk ends in fault reason 71h, FIRST_STAGE_NOT_PRESENT");
    }

    @Test
    void aReportAgreesWithWhatHappensToHostileGuests() {
        Choices choices = seeded();
        for (int run = 0; run < 10; run++) {
            HostileGuest guest = new HostileGuest(choices);
            for (int i = 0; i < 200; i++) {
                guest.step();
                guest.exploredRequest();
            }
            guest.vtd().memory.close();
        }
    }

    @Test
    void aReportAgreesWithWhatHappensOverHostileTables() {
        Choices choices = seeded();
        int mapped = 0;
        for (int run = 0; run < 30; run++) {
            HostileGuest guest = new HostileGuest(choices);
            guest.hostileTables();
            for (int i = 0; i < 40; i++) {
                if (guest.exploredRequest() == HostileGuest.Foretold.MAPPED) {
                    mapped++;
                }
            }
            guest.vtd().memory.close();
        }
        assertThat(mapped).describedAs("requests that reached memory").isGreaterThan(20);
    }

    private static Choices seeded() {
        long seed = Long.getLong("nestor.seed", System.nanoTime());
        System.out.println("VtdExplorerTest -Dnestor.seed=" + seed);
        return Choices.seeded(seed);
    }
}
