package nestor.vtd;

import static nestor.vtd.VtdHarness.DID;
import static nestor.vtd.VtdHarness.RID;
import static nestor.vtd.VtdHarness.assertRejected;
import static nestor.vtd.VtdHarness.gpa;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.EnumSet;
import java.util.Set;
import nestor.pci.ChaosKey;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.testkit.PageTables;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** What a remapping unit may do and seldom does, switched on while it runs. */
class VtdChaosTest {
    private static final long SEED = 5;
    private static final int ALL = 0x3f;
    private static final int PASID = 1;
    private static final long PASID_IOTLB = 6 | 3 << 4 | DID << 16 | (long) PASID << 32;
    private static final int IH = 1 << 6;
    private static final int PFO = 1;

    private final VtdHarness vtd = new VtdHarness().scalable().queue(true);
    private PageTables tables;

    @BeforeEach
    void mapPages() {
        tables = vtd.firstStageTables(4);
        for (int page = 1; page < 8; page++) {
            tables.map(page * 0x1000L, 0x9000 + page * 0x1000L, 12, ALL);
            tables.setDescriptor(page * 0x1000L, tables.descriptor(page * 0x1000L) | 1 << 5);
        }
        vtd.firstStage(PASID, DID, tables);
    }

    private void show(ChaosKey key) {
        vtd.unit.chaos().set(EnumSet.of(key), SEED);
    }

    private Translation read(long address) {
        return vtd.translate(new Requester(RID, PASID, false), address, Translation.READ);
    }

    private void assertMapped(int page) {
        long address = page * 0x1000L;
        assertThat(gpa(read(address), address)).isEqualTo(0x9000 + address);
    }

    private void assertFaults(int page) {
        assertRejected(read(page * 0x1000L));
        vtd.fault();
    }

    @Test
    @DisplayName("VT-d §6.2: cache=none sees each change at once, without invalidation")
    void nothingIsCached() {
        assertMapped(1);
        show(ChaosKey.CACHE_NONE);
        tables.setDescriptor(0x1000, 0);
        assertFaults(1);
        vtd.pasid(PASID, 0, 0, 0);
        assertFaults(2);
    }

    @Test
    @DisplayName("VT-d §6.2.5, §6.5.2.4: cache=greedy keeps paging structures, IH leaves them")
    void pagingStructuresAreKeptUntilInvalidatedWithoutHint() {
        show(ChaosKey.CACHE_GREEDY);
        assertMapped(1);
        vtd.store(tables.root(), 0);
        assertMapped(5);
        assertThat(vtd.unit.chaos().counts()).containsEntry(ChaosKey.CACHE_GREEDY, 9L);

        vtd.submit(PASID_IOTLB, 0x5000 | IH);
        assertMapped(5);
        vtd.submit(PASID_IOTLB, 0x5000);
        assertFaults(5);
    }

    @Test
    @DisplayName("VT-d §6.2.4: cache=greedy caches the page behind, if it was accessed before")
    void whatMayBeAskedForNextIsCached() {
        show(ChaosKey.CACHE_GREEDY);
        tables.setDescriptor(0x5000, tables.descriptor(0x5000) & ~(1 << 5));
        assertMapped(1);
        tables.setDescriptor(0x2000, 0);
        assertMapped(2);
        assertMapped(4);
        tables.setDescriptor(0x5000, 0);
        assertFaults(5);
    }

    @Test
    @DisplayName("VT-d §6.2.3: fetch=torn shows 16 new bytes of a PASID entry beside old ones")
    void anEntryIsSeenTorn() {
        long entry = VtdHarness.pasidEntry(PASID);
        long qw1 = vtd.load(entry + 8);
        long qw2 = vtd.load(entry + 16);
        vtd.store(entry + 16, 0);
        show(ChaosKey.FETCH_TORN);
        assertRejected(read(0x1000)); // no first-stage pointer yet
        vtd.fault();
        vtd.store(entry + 16, qw2);
        int misread = 0;
        for (int i = 0; i < 64; i++) {
            if (read(0x1000) instanceof Translation.Mapping mapping) {
                assertThat(mapping.gpa(0x1000)).isEqualTo(0xa000);
            } else {
                misread++;
                vtd.fault();
            }
            vtd.submit(PASID_IOTLB, 0x1000);
        }
        assertThat(misread).isBetween(1, 63);
        assertThat(vtd.load(entry + 8)).isEqualTo(qw1);

        vtd.submit(7 | 1 << 4 | DID << 16 | (long) PASID << 32, 0);
        for (int i = 0; i < 64; i++) {
            assertMapped(1);
        }
    }

    @Test
    @DisplayName("VT-d §7.2.1: evtq=full overflows the fault records, once in a while")
    void faultRecordsOverflow() {
        show(ChaosKey.EVENT_QUEUE_FULL);
        for (int n = 0; (vtd.read32(0x034) & PFO) == 0; n++) {
            assertRejected(read(0x100_0000));
            assertThat(n).isLessThan(64);
        }
        assertThat(vtd.unit.chaos().counts()).containsEntry(ChaosKey.EVENT_QUEUE_FULL, 1L);
        vtd.unit.chaos().set(Set.of(), SEED);
        while (vtd.hasFault()) {
            vtd.fault();
        }
        vtd.write32(0x034, PFO);
        assertRejected(read(0x200_0000));
        assertThat(vtd.fault().page()).isEqualTo(0x200_0000);
    }

    @Test
    @DisplayName("VT-d §6.5.2.5: inv=timeout loses completions: ITE")
    void lostCompletionsTimeOut() {
        VtdHarness.RecordingEndpoint endpoint = new VtdHarness.RecordingEndpoint();
        vtd.endpoints.put(RID, endpoint);
        show(ChaosKey.INVALIDATION_TIMEOUT);
        for (int n = 0; vtd.unit.chaos().counts().isEmpty(); n++) {
            vtd.submit(3 | (long) RID << 32, 0x1000);
            endpoint.completions.forEach(Runnable::run);
            endpoint.completions.clear();
            assertThat(n).isLessThan(200);
        }
        assertThat(vtd.isSynchronized()).isFalse();
        vtd.clock.advance(60_000_000_000L);
        vtd.loop.runUntilIdle();
        assertThat(vtd.read32(0x034) & 1 << 6).describedAs("ITE").isNotZero();
        assertThat(vtd.status()).isEqualTo(1);
    }
}
