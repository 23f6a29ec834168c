package nestor.vtd;

import static nestor.vtd.VtdHarness.DID;
import static nestor.vtd.VtdHarness.RID;
import static nestor.vtd.VtdHarness.gpa;
import static org.assertj.core.api.Assertions.assertThat;

import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.testkit.PageTables;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** VT-d §6.5.2: invalidations of scalable mode, in 256-bit descriptors. */
class ScalableInvalidationTest {
    private static final int ALL = 0x3f;
    private static final long PASID_CACHE = 7;
    private static final long PASID_IOTLB = 6;

    private final VtdHarness vtd = new VtdHarness().scalable().queue(true);
    private final VtdHarness.RecordingEndpoint endpoint = new VtdHarness.RecordingEndpoint();
    private PageTables first;
    private PageTables second;

    @BeforeEach
    void bindThreePasids() {
        vtd.endpoints.put(RID, endpoint);
        first = vtd.firstStageTables(4);
        first.map(0x1000, 0x9000, 12, ALL);
        first.map(0x2000, 0xa000, 12, ALL);
        first.map(-0x1000, 0xb000, 12, ALL);
        second = vtd.secondStageTables(4);
        second.map(0, 0, 30, ALL);
        vtd.firstStage(1, DID, first);
        vtd.secondStage(2, DID, second, false);
        vtd.nested(3, DID, first, second);
        fill();
    }

    private void fill() {
        for (int pasid = 1; pasid <= 3; pasid++) {
            gpa(read(pasid, 0x1000), 0x1000);
            gpa(read(pasid, 0x2000), 0x2000);
        }
        gpa(read(1, -0x1000), -0x1000);
    }

    private Translation read(int pasid, long address) {
        return vtd.translate(new Requester(RID, pasid, false), address, Translation.READ);
    }

    /** Whether a translation of first-stage tables is still served without them. */
    private boolean isCached(int pasid, long address) {
        PageTables tables = pasid == 2 ? second : first;
        long leaf = tables.descriptor(address);
        tables.setDescriptor(address, 0);
        boolean cached = read(pasid, address) instanceof Translation.Mapping;
        tables.setDescriptor(address, leaf);
        if (!cached) {
            vtd.fault();
        }
        return cached;
    }

    private static long pasidOf(int pasid) {
        return (long) pasid << 32 | DID << 16;
    }

    @Test
    @DisplayName("§6.5.2.4: all of a PASID")
    void pasidIotlbInvalidationByPasid() {
        vtd.submit(PASID_IOTLB | 2 << 4 | pasidOf(1), 0);
        assertThat(isCached(1, 0x1000)).isFalse();
        assertThat(isCached(3, 0x1000)).isTrue();
        assertThat(isCached(2, 0x1000)).isTrue();
        vtd.submit(PASID_IOTLB | 2 << 4 | pasidOf(3), 0);
        assertThat(isCached(3, 0x2000)).isFalse();
    }

    @Test
    @DisplayName("§6.5.2.4: pages of a PASID")
    void pasidIotlbInvalidationByPage() {
        vtd.submit(PASID_IOTLB | 3 << 4 | pasidOf(1), 0x1000);
        assertThat(isCached(1, 0x1000)).isFalse();
        assertThat(isCached(1, 0x2000)).isTrue();
        vtd.submit(PASID_IOTLB | 3 << 4 | pasidOf(1), -0x1000L | 1 << 6);
        assertThat(isCached(1, -0x1000)).isFalse();
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 20, 31, 32, 33, 51, 52, 63})
    void everyAddressMaskCoversItsPages(int mask) {
        vtd.submit(PASID_IOTLB | 3 << 4 | pasidOf(1), mask);
        assertThat(isCached(1, 0x1000)).isFalse();
        assertThat(isCached(1, 0x2000)).isFalse();
        assertThat(isCached(1, -0x1000))
                .describedAs("a range too large to probe takes its whole tag along")
                .isEqualTo(mask == 2);
    }

    @Test
    @DisplayName("§6.5.2.3: by page, second-stage and all nested mappings go")
    void iotlbInvalidationByPageTakesNestedMappingsAlong() {
        vtd.submit(2 | 3 << 4 | DID << 16, 0x7000_0000);
        assertThat(isCached(3, 0x1000)).isFalse();
        assertThat(isCached(2, 0x1000)).isTrue();
        assertThat(isCached(1, 0x1000)).isTrue();
        vtd.submit(2 | 3 << 4 | DID << 16, 0x1000);
        assertThat(isCached(2, 0x1000)).isFalse();
    }

    @Test
    @DisplayName("§6.5.2.2: PASID cache")
    void pasidEntriesStayCachedUntilTheyAreInvalidated() {
        for (long descriptor :
                new long[] {
                    PASID_CACHE | 1 << 4 | pasidOf(1),
                    PASID_CACHE | DID << 16,
                    PASID_CACHE | 3 << 4,
                    1 | 1 << 4,
                    1 | 3 << 4 | (long) RID << 32
                }) {
            vtd.firstStage(1, DID, first);
            fill();
            vtd.pasid(1, 0, 0, 0);
            vtd.put(PASID_CACHE | 1 << 4 | pasidOf(2), 0);
            vtd.submit(PASID_CACHE | (DID + 1) << 16, 0);
            gpa(read(1, 0x1000), 0x1000);
            vtd.submit(descriptor, 0);
            vtd.assertFault(read(1, 0x1000), 0x59);
        }
    }

    @Test
    @DisplayName("§6.5.2.6: device TLB of a PASID")
    void pasidDeviceTlbInvalidation() {
        vtd.put(8 | RID << 16 | 0xf_fff1L << 32, 0x7fff_f800_0000L | 1 << 11);
        vtd.put(8 | RID << 16 | 1L << 32, 0x7fff_ffff_ffff_f801L);
        assertThat(vtd.isSynchronized()).isFalse();
        var request = endpoint.invalidations.getFirst();
        assertThat(request.pasid()).isEqualTo(0xf_fff1);
        assertThat(request.sizeLog2()).isEqualTo(13);
        assertThat(request.iova()).isEqualTo(0x7fff_f800_0000L);
        assertThat(request.global()).isFalse();
        var all = endpoint.invalidations.get(1);
        assertThat(all.global()).isTrue();
        assertThat(all.sizeLog2()).isEqualTo(64);
        endpoint.completions.forEach(Runnable::run);
        vtd.loop.runUntilIdle();
        assertThat(vtd.status()).isEqualTo(2);
    }

    @Test
    void theUpperQuadwordsAreReserved() {
        vtd.put(2 | 1 << 4, 0, 1, 0);
        vtd.ring();
        assertThat(vtd.read64(0x0b0)).isEqualTo(4);
        vtd.store(VtdHarness.QUEUE + 16, 0, 1);
        vtd.write32(0x034, 1 << 4);
        vtd.loop.runUntilIdle();
        assertThat(vtd.read64(0x0b0)).isEqualTo(4);
        vtd.store(VtdHarness.QUEUE + 16, 0, 0);
        vtd.write32(0x034, 1 << 4);
        vtd.loop.runUntilIdle();
        assertThat(vtd.head()).isEqualTo(32);
    }

    @Test
    @DisplayName("§11.4.2, ESRTPS: SRTP empties every cache")
    void theRootTablePointerEmptiesTheCaches() {
        vtd.rootTable(1);
        for (int pasid = 1; pasid <= 3; pasid++) {
            assertThat(isCached(pasid, 0x1000)).isFalse();
        }
    }

    @Test
    @DisplayName("§6.1, CM = 1: nothing that faults is cached either")
    void cachingModeNeedsNoFurtherInvalidations() {
        var caching =
                new VtdHarness(VtdOptions.whole().with(VtdProperty.CACHING_MODE, 1)).scalable();
        assertThat(caching.read64(0x008) & 1 << 7).isNotZero();
        caching.assertFault(caching.read(0x1000), 0x59);
        caching.pasid(0, 1 | VtdHarness.PASS_THROUGH << 6, DID, 0);
        assertThat(gpa(caching.read(0x1000), 0x1000)).isEqualTo(0x1000);
    }
}
