package nestor.smmuv3;

import static nestor.paging.Permissions.READ;
import static nestor.paging.Permissions.WRITE;
import static nestor.smmuv3.SmmuHarness.SID;
import static nestor.smmuv3.SmmuHarness.SYNC;
import static nestor.smmuv3.SmmuHarness.assertAborted;
import static nestor.smmuv3.SmmuHarness.gpa;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.EnumSet;
import java.util.Set;
import nestor.pci.ChaosKey;
import nestor.pci.Translation;
import nestor.testkit.PageTables;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** What an SMMU may do and seldom does, switched on while it runs. */
class SmmuChaosTest {
    private static final long SEED = 5;
    private static final long IOVA = 0x7000_0000L;
    private static final int ASID = 1;
    private static final long CFGI_STE = 0x03 | (long) SID << 32;
    private static final long TLBI_NH_VA = 0x12 | (long) ASID << 48;
    private static final int LEAF = 1;
    private static final long STE = SmmuHarness.STREAM_TABLE + 64L * SID;
    private static final long OVERFLOW = 1L << 31;

    private final SmmuHarness smmu = new SmmuHarness().enabled();
    private PageTables tables;

    @BeforeEach
    void mapPages() {
        tables = smmu.stage1Tables();
        for (int page = 0; page < 8; page++) {
            tables.map(IOVA + page * 0x1000L, 0x5000 + page * 0x1000L, 12, READ | WRITE);
        }
        smmu.cd(0, ASID, tables.root(), 0);
        smmu.stage1Stream(SID, 0, 0);
    }

    private void show(ChaosKey key) {
        smmu.smmu.chaos().set(EnumSet.of(key), SEED);
    }

    private void assertMapped(int page) {
        long iova = IOVA + page * 0x1000L;
        assertThat(gpa(smmu.read(iova), iova)).isEqualTo(0x5000 + page * 0x1000L);
    }

    private void unmapPage(int page) {
        tables.setDescriptor(IOVA + page * 0x1000L, 0);
    }

    @Test
    @DisplayName("IHI 0070 §3.17: cache=none sees each change at once, without invalidation")
    void nothingIsCached() {
        assertMapped(0);
        show(ChaosKey.CACHE_NONE);
        assertMapped(0);
        unmapPage(0);
        assertAborted(smmu.read(IOVA));
        smmu.event();
        smmu.store(STE, 0);
        assertAborted(smmu.read(IOVA + 0x1000));

        smmu.stage1Stream(SID, 0, 0);
        smmu.smmu.chaos().set(Set.of(), SEED);
        assertMapped(1);
        unmapPage(1);
        assertMapped(1);
    }

    @Test
    @DisplayName("IHI 0070 §3.17: cache=greedy keeps table descriptors, of which Leaf says nothing")
    void tableDescriptorsAreKeptUntilOneAboveTheLeafIsInvalidated() {
        show(ChaosKey.CACHE_GREEDY);
        assertMapped(0);
        smmu.store(tables.root() + 8 * (IOVA >>> 30), 0);
        assertMapped(4);
        assertThat(smmu.smmu.chaos().counts()).containsEntry(ChaosKey.CACHE_GREEDY, 6L);

        smmu.submit(TLBI_NH_VA, IOVA + 0x4000 | LEAF, SYNC, 0);
        assertMapped(4);
        smmu.submit(TLBI_NH_VA, IOVA + 0x4000, SYNC, 0);
        assertAborted(smmu.read(IOVA + 0x4000));
    }

    @Test
    @DisplayName("IHI 0070 §3.17: cache=greedy caches the page behind, but nothing absent")
    void whatMayBeAskedForNextIsCached() {
        show(ChaosKey.CACHE_GREEDY);
        assertMapped(0);
        unmapPage(1);
        assertMapped(1);
        smmu.submit(TLBI_NH_VA, IOVA + 0x1000 | LEAF, SYNC, 0);
        assertAborted(smmu.read(IOVA + 0x1000));

        unmapPage(3);
        assertMapped(2);
        tables.map(IOVA + 0x3000, 0x8000, 12, READ | WRITE);
        assertMapped(3);
    }

    @Test
    @DisplayName("IHI 0070 §3.21.3: fetch=torn shows new doublewords beside old ones")
    void anUnsyncedUpdateIsSeenTorn() {
        assertMapped(0);
        smmu.store(STE, 0);
        smmu.submit(CFGI_STE, 1, SYNC, 0);
        show(ChaosKey.FETCH_TORN);
        assertAborted(smmu.read(IOVA)); // the SMMU has looked at the entry
        smmu.event();
        smmu.stage1Stream(SID, 0, 0);
        int old = 0;
        for (int i = 0; i < 64; i++) {
            old += smmu.read(IOVA) instanceof Translation.Mapping ? 0 : 1;
        }
        assertThat(old).isBetween(1, 63);

        smmu.submit(CFGI_STE, 1, SYNC, 0);
        for (int i = 0; i < 64; i++) {
            assertMapped(0);
        }
    }

    @Test
    @DisplayName("IHI 0070 §7.4: evtq=full: the queue overflows, says so, and goes on once emptied")
    void theEventQueueOverflows() {
        show(ChaosKey.EVENT_QUEUE_FULL);
        int faults = 0;
        while ((smmu.read32(0x1_00a8) & OVERFLOW) == 0) {
            assertAborted(smmu.read(0x100_0000));
            assertThat(++faults).isLessThan(64);
            if ((smmu.read32(0x1_00a8) & OVERFLOW) == 0) {
                smmu.event();
            }
        }
        assertThat(smmu.smmu.chaos().counts()).containsEntry(ChaosKey.EVENT_QUEUE_FULL, 1L);
        for (int i = 0; i < 1 << SmmuHarness.EVENTS_LOG2; i++) {
            assertThat(smmu.event().dw2()).isEqualTo(0x100_0000);
        }
        assertThat(smmu.hasEvent()).isFalse();
        smmu.write32(0x1_00ac, OVERFLOW | smmu.read32(0x1_00ac));
        smmu.smmu.chaos().set(Set.of(), SEED);
        assertAborted(smmu.read(0x200_0000));
        assertThat(smmu.event().dw2()).isEqualTo(0x200_0000);
    }

    @Test
    @DisplayName("IHI 0070 §4.5.1: inv=timeout loses completions: CERROR_ATC_INV_SYNC")
    void lostCompletionsTimeOut() {
        SmmuHarness.RecordingEndpoint endpoint = new SmmuHarness.RecordingEndpoint();
        smmu.endpoints.put(SID, endpoint);
        show(ChaosKey.INVALIDATION_TIMEOUT);
        long atcInv = 0x40 | (long) SID << 32;
        int sent = 0;
        while (smmu.smmu.chaos().counts().isEmpty()) {
            smmu.submit(atcInv, IOVA);
            endpoint.completions.forEach(Runnable::run);
            endpoint.completions.clear();
            assertThat(++sent).isLessThan(200);
        }
        smmu.submit(SYNC, 0);
        assertThat(smmu.isIdle()).isFalse();
        smmu.clock.advance(60_000_000_000L);
        smmu.loop.runUntilIdle();

        assertThat(smmu.commandError()).isEqualTo(3);
        assertThat(endpoint.invalidations).hasSize(sent);
    }
}
