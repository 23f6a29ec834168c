package nestor.smmuv3;

import static nestor.smmuv3.SmmuHarness.CONTEXTS;
import static nestor.smmuv3.SmmuHarness.SID;
import static nestor.smmuv3.SmmuHarness.SYNC;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import nestor.iommu.oracle.StaleReport;
import nestor.iommu.oracle.StaleTranslationOracle;
import nestor.paging.Permissions;
import nestor.pci.AddressType;
import nestor.pci.AtsRequest;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.pci.TranslationAgent;
import nestor.testkit.PageTables;
import nestor.vmm.time.Clock;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** What the oracle says of a driver that leaves commands out, and of one that does not. */
class OracleTest {
    private static final int PASID = 5;
    private static final int ASID = 9;
    private static final long IOVA = 0x7000_0000L;
    private static final long IPA = 0x1_0000_0000L;
    private static final long OLD = 0xe_0000;
    private static final long NEW = 0xf_0000;
    private static final int READ_WRITE = Permissions.READ | Permissions.WRITE;
    private static final long NOT_GLOBAL = 1L << 11;
    private static final long STREAM = (long) SID << 32;
    private static final long CFGI_STE = 0x03 | STREAM;
    private static final long CFGI_CD = 0x05 | STREAM | PASID << 12;
    private static final long TLBI_NH_ASID = 0x11 | (long) ASID << 48;
    private static final long TLBI_NH_VA = 0x12 | (long) ASID << 48;
    private static final long ATC_INV = 0x40 | STREAM | 1 << 11 | PASID << 12;
    private static final int EVERYTHING = 52;

    private final SmmuHarness smmu = new SmmuHarness().enabled();
    private final List<StaleReport> reports = new ArrayList<>();
    private final StaleTranslationOracle oracle =
            new StaleTranslationOracle(TimeUnit.SECONDS.toNanos(1), reports::add);
    private final LeapingClock time = new LeapingClock();
    private final TranslationAgent agent = oracle.watch("smmuv3", smmu.smmu, time);
    private final Requester requester = new Requester(SID, PASID, false);
    private final PageTables tables = bound();

    private PageTables bound() {
        PageTables made = smmu.stage1Tables();
        smmu.ste(SID, 1 | 5 << 1 | CONTEXTS | 4L << 59, 2 | 1L << 28, 0, 0);
        smmu.cd(PASID, ASID, made.root(), 0);
        smmu.submit(CFGI_STE, 1, CFGI_CD, 1, SYNC, 0);
        made.map(IOVA, OLD, 12, READ_WRITE, NOT_GLOBAL);
        return made;
    }

    private void dma() {
        agent.translate(requester, AddressType.UNTRANSLATED, IOVA, Translation.WRITE);
    }

    private void ats() {
        agent.requestTranslation(new AtsRequest(requester, IOVA, 1, 12, false, false));
    }

    /** A window of guest time, in as many pieces as it takes. */
    private void window() {
        for (int i = 0; i < 12; i++) {
            time.jump(TimeUnit.MILLISECONDS.toNanos(130));
        }
    }

    @Test
    @DisplayName("IHI 0070 §3.9.3: CMD_ATC_INV left out after CMD_TLBI_NH_VA is reported")
    void aMissingAtcInvalidationIsReported() {
        ats();
        tables.map(IOVA, NEW, 12, READ_WRITE, NOT_GLOBAL);
        smmu.submit(TLBI_NH_VA, IOVA, SYNC, 0);
        window();
        assertThat(reports).hasSize(1);
        StaleReport report = reports.getFirst();
        assertThat(report.cache()).isEqualTo("ATC");
        assertThat(report.requester()).isEqualTo(requester);
        assertThat(report.cached().gpa(IOVA)).isEqualTo(OLD);
        assertThat(report.current()).isEqualTo("0xf0000");
        assertThat(report.missing()).isEqualTo("CMD_ATC_INV");
        assertThat(report.covering().orElseThrow())
                .contains("CMD_TLBI_NH_VA", "asid=9", "address=0x70000000");
        assertThat(report.commands()).anyMatch(line -> line.contains("CMD_SYNC"));
        assertThat(String.join("\n", report.lines()))
                .startsWith(
                        "smmuv3: stale translation of 00:03.0 PASID 5, IOVA 0x70000000, in the"
                                + " ATC\n  0xe0000 rw-");
    }

    @Test
    @DisplayName("IHI 0070 §3.17: CMD_TLBI left out before CMD_ATC_INV is reported")
    void aMissingTlbInvalidationIsReported() {
        dma();
        ats();
        tables.unmap(IOVA);
        smmu.submit(ATC_INV, EVERYTHING, SYNC, 0);
        dma();
        window();
        assertThat(reports).hasSize(1);
        StaleReport report = reports.getFirst();
        assertThat(report.cache()).isEqualTo("IOTLB");
        assertThat(report.missing()).isEqualTo("CMD_TLBI_*");
        assertThat(report.covering().orElseThrow()).contains("CMD_ATC_INV");
        assertThat(report.current()).isEqualTo("TRANSLATION fault, stage 1, level 3");
        assertThat(report.uses()).isEqualTo(1);
    }

    @Test
    void bothLeftOutAreTwoReportsAfterAnUnrelatedSync() {
        dma();
        ats();
        tables.unmap(IOVA);
        window();
        assertThat(reports).isEmpty();
        smmu.submit(SYNC, 0);
        window();
        assertThat(reports)
                .extracting(StaleReport::cache)
                .containsExactlyInAnyOrder("IOTLB", "ATC");
        assertThat(reports).allMatch(report -> report.covering().isEmpty());
    }

    @Test
    void aDriverThatSendsBothIsNotReported() {
        dma();
        ats();
        tables.unmap(IOVA);
        smmu.submit(TLBI_NH_VA, IOVA, SYNC, 0);
        assertThat(oracle.summary().pending()).isEqualTo(1);
        smmu.submit(ATC_INV, IOVA, SYNC, 0);
        window();
        assertThat(reports).isEmpty();
        assertThat(oracle.summary().pending()).isZero();
    }

    @Test
    void aLazyFlushWithinTheWindowIsNotReported() {
        dma();
        tables.unmap(IOVA);
        smmu.submit(SYNC, 0);
        dma();
        time.jump(TimeUnit.MILLISECONDS.toNanos(500));
        smmu.submit(TLBI_NH_ASID, 0, SYNC, 0);
        window();
        assertThat(reports).isEmpty();
    }

    @Test
    void aPauseOfTheMachineIsOneStepOfTheWindow() {
        ats();
        tables.unmap(IOVA);
        smmu.submit(TLBI_NH_VA, IOVA, SYNC, 0);
        time.jump(TimeUnit.MINUTES.toNanos(2));
        assertThat(reports).isEmpty();
        assertThat(oracle.summary().pending()).isEqualTo(1);
        for (int step = 0; step < 6; step++) {
            time.jump(TimeUnit.MILLISECONDS.toNanos(130));
        }
        assertThat(reports).isEmpty();
        time.jump(TimeUnit.MILLISECONDS.toNanos(130));
        assertThat(reports).hasSize(1);
    }

    /** The guest's time as it is after the host was asleep. */
    private static final class LeapingClock implements Clock {
        private final List<Long> armed = new ArrayList<>();
        private Runnable expiry = () -> {};
        private long now;

        void jump(long nanos) {
            now += nanos;
            if (armed.removeIf(deadline -> deadline <= now)) {
                expiry.run();
            }
        }

        @Override
        public long nanos() {
            return now;
        }

        @Override
        public Timer newTimer(Runnable onExpiry) {
            expiry = onExpiry;
            return new Timer() {
                @Override
                public void arm(long deadlineNanos) {
                    armed.clear();
                    armed.add(deadlineNanos);
                }

                @Override
                public void cancel() {
                    armed.clear();
                }
            };
        }
    }

    @Test
    void lessPermissionIsStaleAndMoreIsNot() {
        ats();
        tables.map(IOVA, OLD, 12, Permissions.READ, NOT_GLOBAL);
        smmu.submit(SYNC, 0);
        window();
        assertThat(reports)
                .extracting(StaleReport::cache)
                .containsExactlyInAnyOrder("IOTLB", "ATC");
        ats();
        tables.map(IOVA, OLD, 12, READ_WRITE, NOT_GLOBAL);
        smmu.submit(SYNC, 0);
        window();
        assertThat(reports).hasSize(2);
    }

    @Test
    @DisplayName("IHI 0070 §3.17: entries of an ASID that no context descriptor has meet nobody")
    void anEntryOfAnotherAsidIsNotReported() {
        dma();
        smmu.cd(PASID, ASID + 1, tables.root(), 0);
        tables.unmap(IOVA);
        smmu.submit(CFGI_CD, 1, SYNC, 0);
        window();
        assertThat(reports).isEmpty();
    }

    @Test
    @DisplayName("IHI 0070 §4.3: CMD_CFGI_CD left out is reported once a DMA shows it")
    void aMissingConfigurationInvalidationIsReported() {
        dma();
        PageTables others = smmu.stage1Tables();
        others.map(IOVA, NEW, 12, READ_WRITE, NOT_GLOBAL);
        smmu.cd(PASID, ASID + 1, others.root(), 0);
        smmu.submit(SYNC, 0);
        dma();
        window();
        smmu.submit(SYNC, 0);
        dma();
        assertThat(reports).hasSize(1);
        assertThat(reports.getFirst().cache()).isEqualTo("configuration");
        assertThat(reports.getFirst().missing()).isEqualTo("CMD_CFGI_*");
    }

    @Test
    @DisplayName("PCIe §10.5.1.3: a function whose ATS is disabled holds no translations")
    void anAtcWhoseFunctionDisabledAtsIsEmpty() {
        ats();
        smmu.submit(TLBI_NH_VA, IOVA, SYNC, 0);
        agent.atsDisabled(SID);
        tables.unmap(IOVA);
        smmu.submit(TLBI_NH_VA, IOVA, SYNC, 0);
        window();
        assertThat(reports).isEmpty();
    }

    @Test
    void aResetForgets() {
        ats();
        dma();
        tables.unmap(IOVA);
        smmu.submit(SYNC, 0);
        smmu.smmu.reset();
        smmu.wasReset();
        smmu.enabled().invalidateAll();
        window();
        assertThat(reports).isEmpty();
    }

    /** The stream with stage 2 under it; the first megabytes are mapped to themselves. */
    private PageTables nested(long eats) {
        PageTables stage2 = smmu.stage2Tables();
        for (long block = 0; block < SmmuHarness.MEMORY_BYTES / 2; block += 2 << 20) {
            stage2.map(block, block, 21, READ_WRITE);
        }
        smmu.stage2Stream(SID, 7, 3, stage2.root());
        smmu.store(
                SmmuHarness.STREAM_TABLE + 64L * SID,
                smmu.load(SmmuHarness.STREAM_TABLE + 64L * SID) | 4L << 59,
                2 | eats << 28);
        smmu.submit(CFGI_STE, 1, CFGI_CD, 1, SYNC, 0);
        return stage2;
    }

    @Test
    @DisplayName("IHI 0070 §3.17: CMD_TLBI_S2_IPA left out where stage 2 moved the page")
    void aMissingInvalidationOfStage2IsReported() {
        PageTables stage2 = nested(1);
        tables.map(IOVA, IPA, 12, READ_WRITE, NOT_GLOBAL);
        stage2.map(IPA, OLD, 12, READ_WRITE);
        smmu.submit(0x30, 0, ATC_INV, EVERYTHING, SYNC, 0);
        dma();
        stage2.map(IPA, NEW, 12, READ_WRITE);
        smmu.submit(SYNC, 0);
        window();
        assertThat(reports).hasSize(1);
        assertThat(reports.getFirst().cached().gpa(IOVA)).isEqualTo(OLD);
        assertThat(reports.getFirst().current()).isEqualTo("0xf0000");
    }

    @Test
    @DisplayName("IHI 0070 §3.9.1.3: with split-stage ATS, stage 2 takes nothing from an ATC")
    void anAtcThatHoldsIntermediateAddressesDoesNotDependOnStage2() {
        PageTables stage2 = nested(2);
        smmu.control(0b1_1111);
        tables.map(IOVA, IPA, 12, READ_WRITE, NOT_GLOBAL);
        stage2.map(IPA, OLD, 12, READ_WRITE);
        smmu.submit(0x30, 0, ATC_INV, EVERYTHING, SYNC, 0);
        ats();
        smmu.submit(SYNC, 0);
        window();
        assertThat(oracle.summary().pending()).isZero();
        stage2.unmap(IPA);
        smmu.submit(0x30, 0, SYNC, 0);
        window();
        assertThat(reports).isEmpty();
        tables.unmap(IOVA);
        smmu.submit(0x30, 0, SYNC, 0);
        window();
        assertThat(reports).extracting(StaleReport::cache).containsExactly("ATC");
        assertThat(reports.getFirst().cached().gpa(IOVA)).isEqualTo(IPA);
    }

    @Test
    void theTablesAreLeftAsTheyAre() {
        dma();
        assertThat(oracle.summary().dmas()).isEqualTo(1);
        assertThat(smmu.hasEvent()).isFalse();
        agent.translate(requester, AddressType.UNTRANSLATED, IOVA + 0x1000, Translation.WRITE);
        assertThat(smmu.event().number()).isEqualTo(0x10);
        assertThat(smmu.hasEvent()).isFalse();
    }
}
