package nestor.virtio.iommu;

import static nestor.virtio.iommu.TableHarness.ALL_PERMISSIONS;
import static nestor.virtio.iommu.TableHarness.DEVERR;
import static nestor.virtio.iommu.TableHarness.DEV_IOTLB;
import static nestor.virtio.iommu.TableHarness.DOMAIN;
import static nestor.virtio.iommu.TableHarness.ENDPOINT;
import static nestor.virtio.iommu.TableHarness.F_ARCHID;
import static nestor.virtio.iommu.TableHarness.F_LEAF;
import static nestor.virtio.iommu.TableHarness.F_PASID;
import static nestor.virtio.iommu.TableHarness.INVAL;
import static nestor.virtio.iommu.TableHarness.IOTLB;
import static nestor.virtio.iommu.TableHarness.NOENT;
import static nestor.virtio.iommu.TableHarness.OK;
import static nestor.virtio.iommu.TableHarness.OTHER_ENDPOINT;
import static nestor.virtio.iommu.TableHarness.PASID;
import static nestor.virtio.iommu.TableHarness.PASID_CACHE;
import static nestor.virtio.iommu.TableHarness.PHYS;
import static nestor.virtio.iommu.TableHarness.RANGE;
import static nestor.virtio.iommu.TableHarness.VA;
import static nestor.virtio.iommu.TableHarness.attachCds;
import static nestor.virtio.iommu.TableHarness.attachX86;
import static nestor.virtio.iommu.TableHarness.cdWord0;
import static nestor.virtio.iommu.TableHarness.invalidateBytes;
import static nestor.virtio.iommu.TableHarness.pasid;
import static nestor.virtio.iommu.TableHarness.plain;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import java.util.List;
import nestor.iommu.AtcInvalidator;
import nestor.pci.InvalidateRequest;
import nestor.pci.Requester;
import nestor.testkit.PageTables;
import nestor.virtio.testkit.DriverQueue;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** INVALIDATE: what it drops, what it keeps, and when it is answered. */
class InvalidateTest {
    private static final long IOVA = 0x7000_0000L;
    private static final int PASIDS = 4;
    private static final int PAGES = 8;
    private static final long NOT_GLOBAL = 1L << 11;

    private final TableHarness tables = new TableHarness(TableProfile.NESTOR);
    private final long cds = tables.machine.allocate(4096);
    private final PageTables[] arm = new PageTables[PASIDS];

    @BeforeEach
    void attach() {
        for (int pasid = 0; pasid < PASIDS; pasid++) {
            arm[pasid] = tables.arm();
            for (int page = 0; page < PAGES; page++) {
                arm[pasid].map(iova(page), phys(pasid, page), 12, ALL_PERMISSIONS, NOT_GLOBAL);
            }
            tables.writeCd(cds + 64L * pasid, cdWord0(asid(pasid)), arm[pasid].root());
        }
        assertThat(tables.iommu.status(attachCds(1, ENDPOINT, 0, 2, cds, 4))).isEqualTo(OK);
    }

    private static long iova(int page) {
        return IOVA + page * 0x1000L;
    }

    private static long phys(int pasid, int page) {
        return PHYS + (pasid * PAGES + page) * 0x1000L;
    }

    private static int asid(int pasid) {
        return 0x100 + pasid;
    }

    private static Requester requester(int pasid) {
        return pasid == 0 ? plain(ENDPOINT) : pasid(ENDPOINT, pasid);
    }

    /** Caches every page of every PASID, then unmaps them all. */
    private void cacheAndUnmap() {
        for (int pasid = 0; pasid < PASIDS; pasid++) {
            for (int page = 0; page < PAGES; page++) {
                assertThat(tables.read(requester(pasid), iova(page))).isEqualTo(phys(pasid, page));
                arm[pasid].unmap(iova(page));
            }
        }
    }

    private boolean isCached(int pasid, int page) {
        return tables.read(requester(pasid), iova(page)) != -1;
    }

    private void assertCached(int pasid, boolean... expected) {
        for (int page = 0; page < expected.length; page++) {
            assertThat(isCached(pasid, page))
                    .describedAs("PASID %d page %d", pasid, page)
                    .isEqualTo(expected[page]);
        }
    }

    private void assertCached(int pasid, boolean expected) {
        for (int page = 0; page < PAGES; page++) {
            assertThat(isCached(pasid, page))
                    .describedAs("PASID %d page %d", pasid, page)
                    .isEqualTo(expected);
        }
    }

    @Test
    void withoutInvalidationTranslationsStay() {
        cacheAndUnmap();
        for (int pasid = 0; pasid < PASIDS; pasid++) {
            assertCached(pasid, true);
        }
    }

    @Test
    void theDomainsTranslationsGo() {
        cacheAndUnmap();
        assertThat(tables.invalidateDomain(1, IOTLB)).isEqualTo(OK);
        for (int pasid = 0; pasid < PASIDS; pasid++) {
            assertCached(pasid, false);
        }
    }

    @Test
    void onePasidsTranslationsGo() {
        cacheAndUnmap();
        assertThat(tables.invalidatePasid(1, IOTLB, 2)).isEqualTo(OK);
        assertCached(0, true);
        assertCached(1, true);
        assertCached(2, false);
        assertCached(3, true);
        assertThat(tables.invalidatePasid(1, IOTLB, 0)).isEqualTo(OK);
        assertCached(0, false);
        assertCached(1, true);
    }

    @Test
    void oneAsidsTranslationsGo() {
        cacheAndUnmap();
        byte[] request = invalidateBytes(PASID, IOTLB, F_ARCHID, 1, 0, 0xabc_0102, 0, 0, 0);
        assertThat(tables.iommu.status(request)).describedAs("its low 16 bits").isEqualTo(OK);
        assertCached(1, true);
        assertCached(2, false);
        assertCached(3, true);
    }

    @Test
    void aRangeGoesAndItsNeighboursStay() {
        cacheAndUnmap();
        assertThat(tables.invalidatePages(1, IOTLB, 1, iova(2), 3)).isEqualTo(OK);
        assertCached(1, true, true, false, false, false, true, true, true);
        assertCached(2, true);
        byte[] byAsid =
                invalidateBytes(VA, IOTLB, F_ARCHID | F_LEAF, 1, 1, asid(2), iova(7), 1, 12);
        assertThat(tables.iommu.status(byAsid)).isEqualTo(OK);
        assertCached(1, true, true, false, false, false, true, true, true);
        assertCached(2, true, true, true, true, true, true, true, false);
        byte[] neither = invalidateBytes(VA, IOTLB, 0, 1, 3, asid(3), iova(0), 2, 12);
        assertThat(tables.iommu.status(neither)).describedAs("PASID 0").isEqualTo(OK);
        assertCached(0, false, false, true, true, true, true, true, true);
        assertCached(3, true);
    }

    @Test
    void aRangeInLargerPagesAlignsDownwards() {
        cacheAndUnmap();
        byte[] request = invalidateBytes(VA, IOTLB, F_PASID, 1, 1, 0, iova(3), 1, 14);
        assertThat(tables.iommu.status(request)).isEqualTo(OK);
        assertCached(1, false, false, false, false, true, true, true, true);
    }

    @Test
    @DisplayName("IHI 0070 §4.4: an address's global mappings are of every ASID")
    void globalMappingsGoByAddressWhateverTheAsid() {
        arm[1].map(iova(20), PHYS, 12, ALL_PERMISSIONS);
        assertThat(tables.read(requester(1), iova(20))).isEqualTo(PHYS);
        arm[1].unmap(iova(20));
        assertThat(tables.invalidatePages(1, IOTLB, 3, iova(21), 1)).isEqualTo(OK);
        assertThat(tables.read(requester(1), iova(20))).isEqualTo(PHYS);
        assertThat(tables.invalidatePages(1, IOTLB, 3, iova(20), 1)).isEqualTo(OK);
        assertThat(tables.read(requester(1), iova(20))).isEqualTo(-1);
    }

    @Test
    void onlyTheNamedCacheIsDropped() {
        cacheAndUnmap();
        assertThat(tables.invalidateDomain(1, PASID_CACHE | DEV_IOTLB)).isEqualTo(OK);
        assertCached(1, true);
        long other = tables.arm().root();
        tables.writeCd(cds + 64, cdWord0(asid(1)), other);
        assertThat(tables.invalidateDomain(1, IOTLB)).isEqualTo(OK);
        arm[1].map(iova(0), PHYS, 12, ALL_PERMISSIONS);
        assertThat(tables.read(requester(1), iova(0)))
                .describedAs(
                        "the Context descriptor read after the PASID cache was dropped, "
                                + "before it was rewritten")
                .isEqualTo(PHYS);
    }

    @Test
    @DisplayName("IHI 0070 §4.3: a context is read again after its own invalidation, not before")
    void contextsAreDroppedByPasid() {
        for (int pasid = 1; pasid < PASIDS; pasid++) {
            assertThat(tables.read(requester(pasid), iova(0))).isEqualTo(phys(pasid, 0));
            // A live update: another ASID and other tables, V stays.
            tables.writeCd(cds + 64L * pasid, cdWord0(0x200 + pasid), arm[0].root());
        }
        assertThat(tables.invalidatePasid(1, IOTLB, 1)).isEqualTo(OK);
        assertThat(tables.read(requester(1), iova(0))).isEqualTo(phys(1, 0));
        byte[] leaf = invalidateBytes(PASID, PASID_CACHE, F_PASID | F_LEAF, 1, 1, 0, 0, 0, 0);
        assertThat(tables.iommu.status(leaf)).isEqualTo(OK);
        assertThat(tables.read(requester(1), iova(0))).isEqualTo(phys(0, 0));
        assertThat(tables.read(requester(2), iova(0))).isEqualTo(phys(2, 0));
        assertThat(tables.invalidateDomain(1, PASID_CACHE)).isEqualTo(OK);
        assertThat(tables.read(requester(2), iova(0))).isEqualTo(phys(0, 0));
        assertThat(tables.read(requester(3), iova(0))).isEqualTo(phys(0, 0));
    }

    @Test
    @DisplayName("the write order of 2021: CD dwords 1 to 3, sync, dword 0, sync; then V = 0, sync")
    void theDriversWriteOrder() {
        int pasid = 9;
        long cd = cds + 64L * pasid;
        assertThat(tables.read(pasid(ENDPOINT, pasid), iova(0))).isEqualTo(-1);
        tables.store(cd + 8, arm[1].root(), 0, 0);
        byte[] leaf = invalidateBytes(PASID, PASID_CACHE, F_PASID | F_LEAF, 1, pasid, 0, 0, 0, 0);
        assertThat(tables.iommu.status(leaf)).isEqualTo(OK);
        assertThat(tables.read(pasid(ENDPOINT, pasid), iova(0))).isEqualTo(-1);
        tables.store(cd, cdWord0(7));
        assertThat(tables.iommu.status(leaf)).isEqualTo(OK);
        assertThat(tables.read(pasid(ENDPOINT, pasid), iova(0))).isEqualTo(phys(1, 0));
        tables.store(cd, 0);
        assertThat(tables.iommu.status(leaf)).isEqualTo(OK);
        assertThat(tables.invalidatePasid(1, IOTLB, pasid)).isEqualTo(OK);
        assertThat(tables.read(pasid(ENDPOINT, pasid), iova(0))).isEqualTo(-1);
    }

    @Test
    void anotherDomainsTranslationsStay() {
        PageTables x86 = tables.x86(4);
        x86.map(IOVA, PHYS, 12, ALL_PERMISSIONS);
        tables.iommu.status(attachX86(2, OTHER_ENDPOINT, 5, x86.root(), 0, 48));
        assertThat(tables.read(pasid(OTHER_ENDPOINT, 5), IOVA)).isEqualTo(PHYS);
        x86.unmap(IOVA);
        assertThat(tables.invalidateDomain(1, IOTLB | DEV_IOTLB | PASID_CACHE)).isEqualTo(OK);
        assertThat(tables.read(pasid(OTHER_ENDPOINT, 5), IOVA)).isEqualTo(PHYS);
        assertThat(tables.invalidatePages(2, IOTLB, 6, IOVA, 1)).isEqualTo(OK);
        assertThat(tables.read(pasid(OTHER_ENDPOINT, 5), IOVA)).isEqualTo(PHYS);
        byte[] own = invalidateBytes(VA, IOTLB, 0, 2, 0, 0, IOVA, 1, 12);
        assertThat(tables.iommu.status(own)).describedAs("its own PASID").isEqualTo(OK);
        assertThat(tables.read(pasid(OTHER_ENDPOINT, 5), IOVA)).isEqualTo(-1);
    }

    @Test
    void statuses() {
        assertThat(tables.invalidateDomain(2, IOTLB)).isEqualTo(NOENT);
        tables.iommu.attach(3, OTHER_ENDPOINT, 0);
        assertThat(tables.invalidateDomain(3, IOTLB)).isEqualTo(INVAL);
        assertThat(tables.invalidateDomain(1, 0)).describedAs("no cache").isEqualTo(INVAL);
        assertThat(tables.invalidateDomain(1, 8)).isEqualTo(INVAL);
        for (int scope : new int[] {0, 3, 5, 6, 7, 8, 0x101}) {
            byte[] request = invalidateBytes(scope, IOTLB, 0, 1, 0, 0, 0, 1, 12);
            assertThat(tables.iommu.status(request)).describedAs("" + scope).isEqualTo(INVAL);
        }
        byte[] flag = invalidateBytes(DOMAIN, IOTLB, 8, 1, 0, 0, 0, 0, 0);
        assertThat(tables.iommu.status(flag)).isEqualTo(INVAL);
        assertThat(tables.invalidatePasid(1, IOTLB, 1 << 20)).isEqualTo(RANGE);
        assertThat(tables.invalidatePasid(1, IOTLB, -1)).isEqualTo(RANGE);
        assertThat(tables.invalidatePages(1, IOTLB, 0, 0, 0)).describedAs("no-op").isEqualTo(OK);
        for (int granule : new int[] {0, 11, 64, 76, 255}) {
            byte[] request = invalidateBytes(VA, IOTLB, 0, 1, 0, 0, 0, 1, granule);
            assertThat(tables.iommu.status(request)).describedAs("" + granule).isEqualTo(RANGE);
        }
        assertThat(tables.invalidatePages(1, IOTLB, 0, -4096, 1)).isEqualTo(OK);
        assertThat(tables.invalidatePages(1, IOTLB, 0, -4096, 2)).isEqualTo(RANGE);
        assertThat(tables.invalidatePages(1, IOTLB, 0, 0, 1L << 52)).isEqualTo(OK);
        assertThat(tables.invalidatePages(1, IOTLB, 0, 0x1000, 1L << 52)).isEqualTo(RANGE);
        assertThat(tables.invalidatePages(1, IOTLB, 0, 0, (1L << 52) + 1)).isEqualTo(RANGE);
        assertThat(tables.invalidatePages(1, IOTLB, 0, 0, -1)).isEqualTo(RANGE);
    }

    @Test
    @DisplayName("the drivers of 2021 never ask for it: the IOTLB takes the endpoints' ATCs along")
    void endpointsAreTold() {
        TableHarness.RecordingEndpoint endpoint = tables.record(ENDPOINT);
        TableHarness.RecordingEndpoint other = tables.record(OTHER_ENDPOINT);
        tables.iommu.status(attachCds(1, OTHER_ENDPOINT, 0, 2, cds, 4));

        assertThat(tables.invalidatePages(1, IOTLB, 3, iova(0), 2)).isEqualTo(OK);
        assertThat(endpoint.invalidations)
                .containsExactly(new InvalidateRequest(ENDPOINT, 3, 0, false, IOVA, 13));
        assertThat(other.invalidations).hasSize(1);
        endpoint.invalidations.clear();

        assertThat(tables.invalidatePages(1, DEV_IOTLB, 3, iova(1), 3)).isEqualTo(OK);
        assertThat(endpoint.invalidations)
                .extracting(InvalidateRequest::iova, InvalidateRequest::sizeLog2)
                .containsExactly(tuple(iova(1), 12), tuple(iova(2), 13));
        endpoint.invalidations.clear();

        assertThat(tables.invalidatePages(1, IOTLB, 0, iova(1), 1)).isEqualTo(OK);
        byte[] byAsid = invalidateBytes(VA, IOTLB, F_ARCHID, 1, 2, asid(2), iova(1), 1, 12);
        assertThat(tables.iommu.status(byAsid)).isEqualTo(OK);
        assertThat(tables.invalidateDomain(1, IOTLB)).isEqualTo(OK);
        assertThat(endpoint.invalidations)
                .extracting(InvalidateRequest::pasid)
                .containsOnly(Requester.NO_PASID);
        assertThat(endpoint.invalidations.getLast().sizeLog2()).isEqualTo(64);
        endpoint.invalidations.clear();

        assertThat(tables.invalidateDomain(1, PASID_CACHE)).isEqualTo(OK);
        assertThat(endpoint.invalidations).isEmpty();
    }

    @Test
    void aRangeThatTakesManyBlocksIsCoveredByOne() {
        TableHarness.RecordingEndpoint endpoint = tables.record(ENDPOINT);
        assertThat(tables.invalidatePages(1, IOTLB, 1, 0x1000, (1L << 40) - 3)).isEqualTo(OK);
        assertThat(endpoint.invalidations).hasSize(1);
        assertThat(endpoint.invalidations.getFirst().iova()).isZero();
        assertThat(endpoint.invalidations.getFirst().sizeLog2()).isEqualTo(52);
        endpoint.invalidations.clear();
        assertThat(tables.invalidatePages(1, IOTLB, 1, 0x1000, (1L << 52) - 1)).isEqualTo(OK);
        assertThat(endpoint.invalidations.getFirst().sizeLog2()).isEqualTo(64);
    }

    @Test
    void theReplyWaitsForEveryEndpoint() {
        TableHarness.RecordingEndpoint endpoint = tables.record(ENDPOINT);
        endpoint.completes = false;
        TableHarness.Sent sent =
                tables.new Sent(invalidateBytes(PASID, IOTLB, F_PASID, 1, 1, 0, 0, 0, 0));
        TableHarness.Sent next =
                tables.new Sent(invalidateBytes(DOMAIN, PASID_CACHE, 0, 1, 0, 0, 0, 0, 0));
        sent.assertParked();
        assertThat(endpoint.completions).hasSize(1);
        endpoint.completions.removeFirst().run();
        tables.machine.run();
        assertThat(tables.iommu.requests.drain()).hasSize(2);
        assertThat(next).isNotNull();
    }

    @Test
    void theReplyWaitsForDmaUnderWay() {
        cacheAndUnmap();
        long ticket = tables.device.enterDma();
        TableHarness.Sent sent =
                tables.new Sent(invalidateBytes(DOMAIN, IOTLB, 0, 1, 0, 0, 0, 0, 0));
        sent.assertParked();
        assertThat(isCached(1, 1)).describedAs("dropped at once").isFalse();
        tables.device.exitDma(ticket);
        assertThat(sent.status()).isEqualTo(OK);
    }

    @Test
    @DisplayName("PCIe §10.3.4: an endpoint that does not answer in time is a device error")
    void aTimeOutIsADeviceError() {
        tables.record(ENDPOINT).completes = false;
        TableHarness.Sent sent =
                tables.new Sent(invalidateBytes(DOMAIN, IOTLB, 0, 1, 0, 0, 0, 0, 0));
        sent.assertParked();
        tables.clock.advance(AtcInvalidator.TIMEOUT_NANOS);
        assertThat(sent.status()).isEqualTo(DEVERR);
    }

    @Test
    void anEndpointThatIsPulledIsNotWaitedFor() {
        tables.record(ENDPOINT).completes = false;
        TableHarness.Sent sent =
                tables.new Sent(invalidateBytes(DOMAIN, IOTLB, 0, 1, 0, 0, 0, 0, 0));
        sent.assertParked();
        tables.device.functionsLeft();
        sent.assertParked();
        tables.endpoints.remove(ENDPOINT);
        tables.device.functionsLeft();
        assertThat(sent.status()).isEqualTo(OK);
    }

    @Test
    void theReplyToDetachWaitsForTheEndpoint() {
        TableHarness.RecordingEndpoint endpoint = tables.record(ENDPOINT);
        endpoint.completes = false;
        TableHarness.Sent sent = tables.new Sent(IommuHarness.detachBytes(1, ENDPOINT));
        sent.assertParked();
        assertThat(endpoint.invalidations.getFirst().sizeLog2()).isEqualTo(64);
        endpoint.completions.removeFirst().run();
        assertThat(sent.status()).isEqualTo(OK);
    }

    @Test
    void aResetWaitsForTheEndpoint() {
        TableHarness.RecordingEndpoint endpoint = tables.record(ENDPOINT);
        endpoint.completes = false;
        tables.iommu.driver.reset();
        assertThat(tables.iommu.driver.status()).describedAs("still resetting").isNotZero();
        endpoint.completions.removeFirst().run();
        assertThat(tables.iommu.driver.status()).isZero();
    }

    @Test
    void manyInvalidationsInOneGoAreServedInOrder() {
        cacheAndUnmap();
        long buffer = tables.machine.allocate(64 << 10);
        DriverQueue requests = tables.iommu.requests;
        for (int i = 0; i < 32; i++) {
            long at = buffer + i * 128L;
            int page = i % PAGES;
            int pasid = i / PAGES;
            tables.machine.write(
                    at, invalidateBytes(VA, IOTLB, F_PASID, 1, pasid, 0, iova(page), 1, 12));
            requests.offer(DriverQueue.readable(at, 60), DriverQueue.writable(at + 64, 4));
        }
        requests.kick();
        List<DriverQueue.Used> used = requests.drain();
        assertThat(used).hasSize(32);
        assertThat(used).extracting(DriverQueue.Used::length).containsOnly(4);
        for (int pasid = 0; pasid < PASIDS; pasid++) {
            assertCached(pasid, false);
        }
    }
}
