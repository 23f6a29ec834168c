package nestor.virtio.iommu;

import static nestor.virtio.iommu.IommuHarness.detachBytes;
import static nestor.virtio.iommu.IommuHarness.mapBytes;
import static nestor.virtio.iommu.IommuHarness.unmapBytes;
import static nestor.virtio.iommu.TableHarness.ALL_PERMISSIONS;
import static nestor.virtio.iommu.TableHarness.ENDPOINT;
import static nestor.virtio.iommu.TableHarness.F_LEAF;
import static nestor.virtio.iommu.TableHarness.F_PASID;
import static nestor.virtio.iommu.TableHarness.IOTLB;
import static nestor.virtio.iommu.TableHarness.OK;
import static nestor.virtio.iommu.TableHarness.OTHER_ENDPOINT;
import static nestor.virtio.iommu.TableHarness.PASID_CACHE;
import static nestor.virtio.iommu.TableHarness.PHYS;
import static nestor.virtio.iommu.TableHarness.VA;
import static nestor.virtio.iommu.TableHarness.attachCds;
import static nestor.virtio.iommu.TableHarness.cdWord0;
import static nestor.virtio.iommu.TableHarness.invalidateBytes;
import static nestor.virtio.iommu.TableHarness.plain;
import static nestor.virtio.testkit.DriverQueue.readable;
import static nestor.virtio.testkit.DriverQueue.writable;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import nestor.iommu.oracle.CurrentTranslation;
import nestor.iommu.oracle.TranslationCache;
import nestor.pci.ChaosKey;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.testkit.PageTables;
import nestor.virtio.testkit.DriverQueue;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** What a virtio-iommu may do and seldom does, switched on while it runs. */
class VirtioIommuChaosTest {
    private static final long SEED = 5;
    private static final long IOVA = 0x7000_0000L;

    /** A domain of mappings, with {@link TableHarness#OTHER_ENDPOINT} in it. */
    private static final int MAPPED = 2;

    private static final Requester OTHER = plain(OTHER_ENDPOINT);

    private final TableHarness tables = new TableHarness(TableProfile.NESTOR);
    private final IommuHarness iommu = tables.iommu;
    private final long cds = tables.machine.allocate(4096);
    private final PageTables arm = tables.arm();

    @BeforeEach
    void attach() {
        for (int page = 0; page < 8; page++) {
            arm.map(iova(page), PHYS + page * 0x1000L, 12, ALL_PERMISSIONS);
        }
        tables.writeCd(cds, cdWord0(1), arm.root());
        assertThat(iommu.status(attachCds(1, ENDPOINT, 0, 2, cds, 4))).isEqualTo(OK);
        assertThat(iommu.attach(MAPPED, OTHER_ENDPOINT, 0)).isEqualTo(OK);
    }

    private static long iova(int page) {
        return IOVA + page * 0x1000L;
    }

    private void show(ChaosKey key) {
        tables.device.chaos().set(EnumSet.of(key), SEED);
    }

    private void behave() {
        tables.device.chaos().set(Set.of(), SEED);
    }

    private long struck(ChaosKey key) {
        return tables.device.chaos().counts().getOrDefault(key, 0L);
    }

    private boolean isMapped(int page) {
        return tables.read(plain(ENDPOINT), iova(page)) == PHYS + page * 0x1000L;
    }

    private void invalidate(int page, int flags) {
        byte[] request = invalidateBytes(VA, IOTLB, F_PASID | flags, 1, 0, 0, iova(page), 1, 12);
        assertThat(iommu.status(request)).isEqualTo(OK);
    }

    private byte[] map(int page) {
        return mapBytes(MAPPED, iova(page), iova(page) + 0xfff, PHYS, IommuHarness.READ);
    }

    private byte[] unmap(int page) {
        return unmapBytes(MAPPED, iova(page), iova(page) + 0xfff);
    }

    private boolean otherReads(int page) {
        return tables.read(OTHER, iova(page)) == PHYS;
    }

    @Test
    @DisplayName("cache=none sees each change of tables and contexts at once")
    void nothingIsCachedOfTables() {
        assertThat(isMapped(0)).isTrue();
        show(ChaosKey.CACHE_NONE);
        arm.unmap(iova(0));
        assertThat(isMapped(0)).isFalse();
        assertThat(isMapped(1)).isTrue();
        tables.writeCd(cds, 0, 0);
        assertThat(isMapped(1)).isFalse();

        tables.writeCd(cds, cdWord0(1), arm.root());
        behave();
        assertThat(isMapped(1)).isTrue();
        arm.unmap(iova(1));
        assertThat(isMapped(1)).isTrue();
    }

    @Test
    @DisplayName("cache=none keeps nothing of mappings that were used")
    void nothingIsCachedOfMappings() {
        assertThat(iommu.status(map(0))).isEqualTo(OK);
        assertThat(otherReads(0)).isTrue();
        assertThat(cachedOfMapping()).isEqualTo(1);
        show(ChaosKey.CACHE_NONE);
        assertThat(otherReads(0)).isTrue();
        assertThat(cachedOfMapping()).isZero();
        behave();
        assertThat(otherReads(0)).isTrue();
        assertThat(cachedOfMapping()).isEqualTo(1);
    }

    private int cachedOfMapping() {
        return tables.device.explore(OTHER, iova(0), Translation.READ).cached().size();
    }

    @Test
    @DisplayName("cache=greedy keeps table descriptors until an INVALIDATE without LEAF")
    void tableDescriptorsAreKeptUntilOneAboveTheLeafIsInvalidated() {
        show(ChaosKey.CACHE_GREEDY);
        assertThat(isMapped(0)).isTrue();
        tables.store(arm.root() + 8 * (IOVA >>> 39), 0);
        assertThat(isMapped(4)).isTrue();
        assertThat(struck(ChaosKey.CACHE_GREEDY)).isPositive();

        invalidate(4, F_LEAF);
        assertThat(isMapped(4)).isTrue();
        invalidate(4, 0);
        assertThat(isMapped(4)).isFalse();
    }

    @Test
    @DisplayName("cache=greedy caches the page behind, but nothing absent")
    void whatMayBeAskedForNextIsCached() {
        show(ChaosKey.CACHE_GREEDY);
        assertThat(isMapped(0)).isTrue();
        arm.unmap(iova(1));
        assertThat(isMapped(1)).isTrue();
        invalidate(1, F_LEAF);
        assertThat(isMapped(1)).isFalse();

        arm.unmap(iova(3));
        assertThat(isMapped(2)).isTrue();
        arm.map(iova(3), PHYS + 0x3000, 12, ALL_PERMISSIONS);
        assertThat(isMapped(3)).isTrue();
    }

    @Test
    @DisplayName("cache=greedy does not mislead who asks what the tables say")
    void theOracleSeesTheTablesAsTheyAre() {
        show(ChaosKey.CACHE_GREEDY);
        assertThat(isMapped(0)).isTrue();
        tables.store(arm.root() + 8 * (IOVA >>> 39), 0);
        assertThat(
                        tables.device.current(
                                TranslationCache.IOTLB, plain(ENDPOINT), iova(0), Translation.READ))
                .isInstanceOf(CurrentTranslation.Refused.class);
    }

    @Test
    @DisplayName("IHI 0070 §3.21.3: fetch=torn shows new doublewords of a context beside old ones")
    void aContextThatWasNotInvalidatedIsSeenTorn() {
        tables.writeCd(cds, 0, 0);
        assertThat(tables.invalidateDomain(1, PASID_CACHE)).isEqualTo(OK);
        show(ChaosKey.FETCH_TORN);
        assertThat(isMapped(0)).isFalse(); // the device has looked at the descriptor
        tables.writeCd(cds, cdWord0(1), arm.root());
        int old = 0;
        for (int i = 0; i < 64; i++) {
            old += isMapped(0) ? 0 : 1;
        }
        assertThat(old).isBetween(1, 63);
        assertThat(tables.invalidatePasid(1, PASID_CACHE, 0)).isEqualTo(OK);
        for (int i = 0; i < 64; i++) {
            assertThat(isMapped(0)).isTrue();
        }
    }

    @Test
    @DisplayName("§5.13.6.9: evtq=full: no buffer is left, faults are dropped until there is one")
    void faultsTakeAllBuffers() {
        show(ChaosKey.EVENT_QUEUE_FULL);
        int faults = 0;
        List<byte[]> reports = List.of();
        while (struck(ChaosKey.EVENT_QUEUE_FULL) == 0) {
            tables.eventBuffers(16 - reports.size(), 24);
            assertThat(tables.read(OTHER, 0x100_0000)).isEqualTo(-1);
            reports = tables.reports();
            assertThat(++faults).isLessThan(64);
            if (struck(ChaosKey.EVENT_QUEUE_FULL) == 0) {
                assertThat(reports).hasSize(1);
                tables.restart();
                attach();
                reports = List.of();
            }
        }
        byte[] first = reports.getFirst();
        assertThat(reports).hasSize(16).allMatch(report -> report[19] == first[19]);
        assertThat(tables.read(OTHER, 0x200_0000)).isEqualTo(-1);
        tables.machine.run();

        behave();
        tables.eventBuffers(2, 24);
        assertThat(tables.read(OTHER, 0x300_0000)).isEqualTo(-1);
        assertThat(IommuHarness.le(tables.reports().getFirst()).getLong(16)).isEqualTo(0x300_0000);
    }

    /** Sends requests that take access away until one is late. */
    private TableHarness.Sent lateUnmap() {
        show(ChaosKey.INVALIDATION_SLOW);
        for (int i = 0; i < 64; i++) {
            assertThat(iommu.status(map(0))).isEqualTo(OK);
            assertThat(otherReads(0)).isTrue();
            TableHarness.Sent sent = tables.new Sent(unmap(0));
            if (struck(ChaosKey.INVALIDATION_SLOW) > 0) {
                return sent;
            }
            assertThat(sent.status()).isEqualTo(OK);
            assertThat(otherReads(0)).isFalse();
        }
        throw new AssertionError("no request was late");
    }

    @Test
    @DisplayName("§5.13.6.6: inv=slow: what UNMAP takes away is reached until the reply")
    void anUnmapIsLate() {
        TableHarness.Sent late = lateUnmap();
        late.assertParked();
        assertThat(otherReads(0)).isTrue();
        behave();
        TableHarness.Sent next = tables.new Sent(map(1));
        next.assertParked(); // requests are carried out in their order

        tables.clock.advance(LateRequest.SLOW_NANOS);
        tables.machine.run();
        assertThat(otherReads(0)).isFalse();
        assertThat(otherReads(1)).isTrue();
        assertThat(iommu.requests.drain()).hasSize(2);
    }

    @Test
    @DisplayName("§5.13.6.6: inv=slow: a late request still waits for the DMAs that use it")
    void aLateUnmapWaitsForDma() {
        TableHarness.Sent late = lateUnmap();
        long ticket = tables.device.enterDma();
        tables.clock.advance(LateRequest.SLOW_NANOS);
        late.assertParked();
        assertThat(otherReads(0)).isFalse();
        tables.device.exitDma(ticket);
        assertThat(late.status()).isEqualTo(OK);
    }

    @Test
    @DisplayName("§2.4.1: inv=slow: a reset takes a late request along")
    void aResetTakesALateRequestAlong() {
        lateUnmap();
        tables.restart();
        attach();
        behave();
        assertThat(iommu.status(map(0))).isEqualTo(OK);
        tables.clock.advance(LateRequest.SLOW_NANOS);
        tables.machine.run();

        assertThat(otherReads(0)).isTrue();
        assertThat(iommu.requests.drain()).isEmpty();
        assertThat(iommu.status(detachBytes(MAPPED, OTHER_ENDPOINT))).isEqualTo(OK);
    }

    @Test
    @DisplayName("§2.7.9: req=reorder: buffers come back in another order, carried out in theirs")
    void requestsComeBackInAnyOrder() {
        show(ChaosKey.REQUESTS_REORDERED);
        List<Integer> heads = new ArrayList<>();
        List<Long> replies = new ArrayList<>();
        for (int i = 0; i < 11; i++) { // the ninth maps a page twice
            replies.add(offer(heads, map(i == 8 ? 0 : i)));
        }
        iommu.requests.kick();
        tables.machine.run();

        List<Integer> used = iommu.requests.drain().stream().map(DriverQueue.Used::head).toList();
        assertThat(used).containsExactlyInAnyOrderElementsOf(heads).isNotEqualTo(heads);
        assertThat(struck(ChaosKey.REQUESTS_REORDERED)).isEqualTo(2);
        for (int i = 0; i < replies.size(); i++) {
            assertThat(tables.machine.read(replies.get(i), 1)[0])
                    .isEqualTo((byte) (i == 8 ? TableHarness.INVAL : OK));
        }
        assertThat(otherReads(10)).isTrue();
    }

    @Test
    @DisplayName("§2.7.9: req=reorder: what is done does not wait for a request that is parked")
    void theReplyBeforeAParkedRequestComesAtOnce() {
        assertThat(iommu.status(map(0))).isEqualTo(OK);
        show(ChaosKey.REQUESTS_REORDERED);
        long ticket = tables.device.enterDma();
        List<Integer> heads = new ArrayList<>();
        offer(heads, map(1));
        offer(heads, unmap(0));
        iommu.requests.kick();
        tables.machine.run();
        assertThat(iommu.requests.drain()).singleElement().matches(u -> u.head() == heads.get(0));
        tables.device.exitDma(ticket);
        tables.machine.run();
        assertThat(iommu.requests.drain()).singleElement().matches(u -> u.head() == heads.get(1));
    }

    private long offer(List<Integer> heads, byte[] request) {
        long buffer = tables.machine.allocate(4096);
        tables.machine.write(buffer, request);
        tables.machine.write(buffer + 1024, (byte) 0xa5);
        heads.add(
                iommu.requests.offer(readable(buffer, request.length), writable(buffer + 1024, 4)));
        return buffer + 1024;
    }

    @Test
    void whatOnlyTablesHaveIsNoKeyOfADeviceWithout() {
        assertThat(tables.device.chaosKeys()).contains(ChaosKey.CACHE_GREEDY, ChaosKey.FETCH_TORN);
        assertThat(new TableHarness(TableProfile.RFC2023).device.chaosKeys())
                .contains(ChaosKey.CACHE_GREEDY)
                .doesNotContain(ChaosKey.FETCH_TORN);
        assertThat(IommuHarness.isolating().iommu.chaosKeys())
                .containsExactlyInAnyOrder(
                        ChaosKey.CACHE_NONE,
                        ChaosKey.EVENT_QUEUE_FULL,
                        ChaosKey.INVALIDATION_SLOW,
                        ChaosKey.REQUESTS_REORDERED);
    }
}
