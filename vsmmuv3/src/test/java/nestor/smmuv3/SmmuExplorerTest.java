package nestor.smmuv3;

import static nestor.smmuv3.SmmuHarness.CONTEXTS;
import static nestor.smmuv3.SmmuHarness.REQUESTER;
import static nestor.smmuv3.SmmuHarness.SID;
import static nestor.smmuv3.SmmuHarness.STREAM_TABLE;
import static nestor.testkit.Explored.field;
import static nestor.testkit.Explored.step;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import nestor.iommu.walk.CachedTranslation;
import nestor.iommu.walk.WalkOutcome;
import nestor.iommu.walk.WalkReport;
import nestor.paging.Permissions;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.smmuv3.event.Event;
import nestor.testkit.Choices;
import nestor.testkit.Explored;
import nestor.testkit.Extents;
import nestor.testkit.HostileTables;
import nestor.testkit.PageTables;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** What an explored walk says is what happens, and exploring leaves no trace. */
class SmmuExplorerTest {
    private static final int MEMORY_BYTES = 1 << 20;
    private static final long IOVA = 0x7000_0000L;
    private static final int READ_WRITE = Permissions.READ | Permissions.WRITE;
    private static final long HA = 1L << 43;
    private static final long HD = 1L << 42;

    private SmmuHarness smmu = SmmuHarness.small().enabled();

    /** Explores, and fails if anything in memory has changed or an event was recorded. */
    private WalkReport explore(Requester requester, long iova, int access) {
        boolean event = smmu.hasEvent();
        WalkReport report =
                Explored.untouched(
                        smmu.memory,
                        MEMORY_BYTES,
                        () -> smmu.smmu.explore(requester, iova, access));
        assertThat(smmu.hasEvent()).isEqualTo(event);
        return report;
    }

    @Test
    @DisplayName("§3.3, §5.2, §5.4: STE, CD and every level, field by field")
    void aStage1WalkIsToldFieldByField() {
        PageTables tables = smmu.stage1Tables();
        tables.map(IOVA, 0x5000, 12, READ_WRITE);
        smmu.stage1Stream(SID, 2, 2);
        smmu.cd(1, 7, tables.root(), 0);
        Requester requester = new Requester(SID, 1, false);

        WalkReport report = explore(requester, IOVA + 0x123, Translation.READ);

        assertThat(field(step(report, "STE"), "Config")).isEqualTo(5);
        assertThat(field(step(report, "STE"), "S1ContextPtr")).isEqualTo(CONTEXTS);
        assertThat(step(report, "CD").gpa()).contains(CONTEXTS + 64);
        assertThat(field(step(report, "CD"), "ASID")).isEqualTo(7);
        assertThat(field(step(report, "CD"), "TTB0")).isEqualTo(tables.root());
        assertThat(report.stage1()).hasSize(3);
        assertThat(report.stage1().getLast().name())
                .isEqualTo("stage 1 level 3: leaf of 2^12 bytes");
        assertThat(field(report.stage1().getLast(), "output")).isEqualTo(0x5000);
        assertThat(report.outcome())
                .isInstanceOfSatisfying(
                        WalkOutcome.Mapped.class,
                        mapped -> {
                            assertThat(mapped.output()).isEqualTo(0x5123);
                            assertThat(mapped.granted())
                                    .isEqualTo(Translation.READ | Translation.WRITE);
                        });
        assertThat(report.cached()).isEmpty();
    }

    @Test
    @DisplayName("§3.3.3: each stage-1 descriptor is behind stage 2, as is the context descriptor")
    void nestedWalksTellEachWalkOfStage2() {
        PageTables stage1 = smmu.stage1Tables();
        PageTables stage2 = smmu.stage2Tables();
        identity(stage2);
        stage1.map(IOVA, 0x5000, 12, READ_WRITE);
        smmu.stage2Stream(SID, 7, 3, stage2.root());
        smmu.cd(0, 7, stage1.root(), 0);

        WalkReport report = explore(REQUESTER, IOVA, Translation.READ);

        assertThat(step(report, "CD").ipa()).contains(CONTEXTS);
        assertThat(step(report, "CD").stage2()).hasSize(3);
        assertThat(report.stage1())
                .hasSize(3)
                .allSatisfy(step -> {
                    assertThat(step.stage2()).hasSize(3);
                    assertThat(step.ipa()).isEqualTo(step.gpa());
                });
        assertThat(report.stage2()).hasSize(3);
        assertThat(report.outcome()).isInstanceOf(WalkOutcome.Mapped.class);

        stage2.unmap(stage1.root());
        report = explore(REQUESTER, IOVA, Translation.READ);
        assertThat(report.stage1().getFirst().gpa()).isEmpty();
        assertThat(report.outcome())
                .isInstanceOfSatisfying(
                        WalkOutcome.Refused.class,
                        refused -> {
                            assertThat(refused.fault()).isEqualTo("F_TRANSLATION");
                            assertThat(refused.detail())
                                    .isEqualTo(
                                            "stage 2 level 3, at the fetch of a stage-1 descriptor,"
                                                    + " IPA 0x%x".formatted(stage1.root() + 8));
                        });
    }

    private static void identity(PageTables stage2) {
        for (long page = 0; page < MEMORY_BYTES; page += 0x1000) {
            stage2.map(page, page, 12, READ_WRITE);
        }
    }

    @Test
    @DisplayName("§5.2.2, §5.4.1: an illegal structure, and which fields make it so")
    void illegalFieldsAreNamed() {
        smmu.ste(SID, 1 | 5 << 1 | CONTEXTS | 31L << 59, 0, 0, 0);
        WalkReport report = explore(REQUESTER, IOVA, Translation.READ);
        assertThat(step(report, "STE").errors()).containsExactly("S1CDMax");
        assertThat(report.outcome())
                .isEqualTo(new WalkOutcome.Refused("C_BAD_STE", "IHI 0070, §7.3", "", 0));

        smmu.stage1Stream(SID, 0, 0);
        smmu.cd(0, 1, 0x8_0000, 1L << 15);
        report = explore(REQUESTER, IOVA, Translation.READ);
        assertThat(step(report, "CD").errors()).containsExactly("ENDI");
        assertThat(report.outcome())
                .isEqualTo(new WalkOutcome.Refused("C_BAD_CD", "IHI 0070, §7.3", "", 0));
    }

    @Test
    @DisplayName("§4.4: what the IOTLB still holds after the tables have changed is marked")
    void aStaleTranslationIsMarked() {
        PageTables tables = smmu.stage1Tables();
        tables.map(IOVA, 0x5000, 12, READ_WRITE);
        smmu.stage1Stream(SID, 0, 0);
        smmu.cd(0, 1, tables.root(), 0);
        smmu.read(IOVA);

        assertThat(explore(REQUESTER, IOVA, Translation.READ).cached())
                .extracting(CachedTranslation::cache)
                .containsExactly("configuration cache", "IOTLB");
        assertThat(explore(REQUESTER, IOVA, Translation.READ).cached())
                .allSatisfy(cached -> assertThat(cached.stale()).isEmpty());

        tables.unmap(IOVA);
        assertThat(iotlb(explore(REQUESTER, IOVA, Translation.READ)).stale())
                .contains("a walk ends in F_TRANSLATION");
        tables.map(IOVA, 0x6000, 12, READ_WRITE);
        assertThat(iotlb(explore(REQUESTER, IOVA, Translation.READ)).stale())
                .contains("the tables lead to 0x6000");
        tables.map(IOVA, 0x5000, 12, Permissions.READ);
        assertThat(iotlb(explore(REQUESTER, IOVA, Translation.READ)).stale())
                .contains("the tables grant r-- only");
        smmu.invalidateAll();
        assertThat(explore(REQUESTER, IOVA, Translation.READ).cached()).isEmpty();
    }

    private static CachedTranslation iotlb(WalkReport report) {
        return report.cached().getLast();
    }

    @Test
    void aReportAgreesWithWhatHappensOverHostileTables() {
        long seed = Long.getLong("nestor.seed", System.nanoTime());
        System.out.println("SmmuExplorerTest -Dnestor.seed=" + seed);
        overHostileTables(seed);
    }

    @Test
    void whatIsGrantedToAReadDoesNotHangOnADirtyFlag() {
        overHostileTables(333); // a page that can be read, and whose dirty flag cannot be set
    }

    private void overHostileTables(long seed) {
        Choices choices = Choices.seeded(seed);
        int mapped = 0;
        for (int round = 0; round < 60; round++) {
            smmu.memory.close();
            smmu = SmmuHarness.small().enabled();
            configure(choices, 4 + choices.below(4));
            for (int i = 0; i < 12; i++) {
                mapped += compare(choices) ? 1 : 0;
            }
        }
        assertThat(mapped).describedAs("requests that reached memory").isGreaterThan(20);
    }

    private void configure(Choices choices, int config) {
        var hostile =
                new HostileTables(
                        choices, HostileTables.Style.VMSA_V8, choices.below(5), 0x8_0000, 19);
        hostile.fill(smmu.memory, 0x8_0000, config == 7 ? 0x4_0000 : 0x8_0000);
        long updates = choices.flip() ? 0 : choices.flip() ? HA : HA | HD;
        smmu.stage2Stream(SID, config, 3, 0xc_0000);
        if (choices.flip()) { // hardware updates at stage 2, or a bit that may be illegal
            long dw2 = STREAM_TABLE + 64L * SID + 16;
            smmu.store(dw2, smmu.load(dw2) | 1L << (choices.oneIn(4) ? choices.below(64) : 56));
        }
        if (config == 7) { // else hardly any context descriptor would be found
            PageTables stage2 = smmu.stage2Tables();
            for (long page = 0; page < MEMORY_BYTES; page += 0x1000) {
                int permissions = choices.oneIn(8) ? Permissions.READ : READ_WRITE;
                if (!choices.oneIn(16) || page == CONTEXTS) {
                    stage2.map(page, page, 12, permissions);
                }
            }
            smmu.store(STREAM_TABLE + 64L * SID + 24, stage2.root());
        }
        smmu.cd(0, 1, 0x8_0000, updates | (choices.oneIn(8) ? 1L << choices.below(64) : 0));
    }

    /** True if the request reached memory through tables. */
    private boolean compare(Choices choices) {
        boolean privileged = choices.oneIn(4);
        Requester requester = new Requester(SID, Requester.NO_PASID, privileged);
        long iova = choices.oneIn(8) ? choices.anyLong() : choices.anyLong() >>> 25;
        int access = 1 + choices.below(7);
        WalkReport report = explore(requester, iova, access);
        Extents.assertHolds(smmu.smmu, report, choices);
        Translation answer = smmu.translate(requester, iova, access);
        switch (report.outcome()) {
            case WalkOutcome.Mapped mapped -> {
                assertThat(answer).isInstanceOf(Translation.Mapping.class);
                Translation.Mapping mapping = (Translation.Mapping) answer;
                assertThat(mapping.gpa(iova)).isEqualTo(mapped.output());
                assertThat(mapping.sizeLog2()).isEqualTo(mapped.sizeLog2());
                assertThat(mapping.access() & ~mapped.granted()).isZero();
                assertThat(smmu.smmu.explore(requester, iova, access).cached())
                        .allSatisfy(cached -> assertThat(cached.stale()).isEmpty());
                smmu.submit(SmmuHarness.TLBI_NSNH_ALL, 0, SmmuHarness.SYNC, 0);
                return true;
            }
            case WalkOutcome.Untranslated _ ->
                    assertThat(SmmuHarness.gpa(answer, iova)).isEqualTo(iova);
            case WalkOutcome.Refused refused -> {
                assertThat(answer).isNotInstanceOf(Translation.Mapping.class);
                if (smmu.hasEvent()) {
                    assertThat(Event.name(smmu.event().number())).isEqualTo(refused.fault());
                    assertThat(refused.detail()).doesNotContain("not recorded");
                } else {
                    assertThat(List.of("abort", refused.detail()))
                            .anyMatch(text ->
                                    refused.fault().equals("abort")
                                            || text.contains("not recorded"));
                }
            }
        }
        return false;
    }
}
