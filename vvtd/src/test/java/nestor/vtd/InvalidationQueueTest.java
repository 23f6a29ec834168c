package nestor.vtd;

import static nestor.vtd.VtdHarness.DID;
import static nestor.vtd.VtdHarness.NOWHERE;
import static nestor.vtd.VtdHarness.RID;
import static nestor.vtd.VtdHarness.STATUS;
import static nestor.vtd.VtdHarness.WAIT;
import static nestor.vtd.VtdHarness.gpa;
import static org.assertj.core.api.Assertions.assertThat;

import nestor.testkit.PageTables;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** VT-d §6.5.2: the queue itself, its errors, and invalidations of legacy mode. */
class InvalidationQueueTest {
    private static final int ALL = 0x3f;
    private static final long IQE = 1 << 4;
    private static final long ICE = 1 << 5;
    private static final long ITE = 1 << 6;

    private static final long GLOBAL = 1 << 4;
    private static final long BY_DOMAIN = 2 << 4 | DID << 16;
    private static final long BY_PAGE = 3 << 4 | DID << 16;
    private static final long CONTEXT_CACHE = 1;
    private static final long IOTLB = 2;
    private static final long DEVICE_TLB = 3 | (long) RID << 32;

    private final VtdHarness vtd = new VtdHarness().legacy().queue(false);
    private final VtdHarness.RecordingEndpoint endpoint = new VtdHarness.RecordingEndpoint();
    private PageTables tables;

    @BeforeEach
    void mapSomething() {
        vtd.endpoints.put(RID, endpoint);
        tables = vtd.secondStageTables(4);
        tables.map(0x1000, 0x9000, 12, ALL);
        tables.map(0x2000, 0xa000, 12, ALL);
        tables.map(0x20_0000, 0x20_0000, 21, ALL);
        vtd.legacyContext(1, tables, 4);
        fill();
    }

    private void fill() {
        gpa(vtd.read(0x1000), 0x1000);
        gpa(vtd.read(0x2000), 0x2000);
        gpa(vtd.read(0x20_0000), 0x20_0000);
    }

    private boolean isCached(long address) {
        long leaf = tables.descriptor(address);
        tables.setDescriptor(address, 0);
        boolean cached = vtd.read(address) instanceof nestor.pci.Translation.Mapping;
        tables.setDescriptor(address, leaf);
        if (!cached) {
            vtd.fault();
        }
        return cached;
    }

    private void assertStopped(int error) {
        assertThat(vtd.read32(0x034) & IQE).describedAs("IQE").isNotZero();
        assertThat(vtd.read64(0x0b0) & 0xf).describedAs("IQEI").isEqualTo(error);
    }

    @Test
    void translationsAreCachedUntilTheyAreInvalidated() {
        assertThat(isCached(0x1000)).isTrue();
        vtd.submit(IOTLB | GLOBAL, 0);
        assertThat(isCached(0x1000)).isFalse();
    }

    @Test
    @DisplayName("§6.5.2.3: by domain")
    void iotlbInvalidationByDomainSparesOthers() {
        vtd.submit(IOTLB | 2 << 4 | (DID + 1) << 16, 0);
        assertThat(isCached(0x1000)).isTrue();
        vtd.submit(IOTLB | BY_DOMAIN, 0);
        assertThat(isCached(0x1000)).isFalse();
    }

    @Test
    @DisplayName("§6.5.2.3: by page")
    void iotlbInvalidationByPageSparesOthers() {
        vtd.submit(IOTLB | BY_PAGE, 0x1000);
        assertThat(isCached(0x1000)).isFalse();
        assertThat(isCached(0x2000)).isTrue();
        assertThat(isCached(0x20_0000)).isTrue();
    }

    @Test
    void aPageInsideALargerOneTakesTheLargerOne() {
        vtd.submit(IOTLB | BY_PAGE, 0x33_3000);
        assertThat(isCached(0x20_0000)).isFalse();
        assertThat(isCached(0x1000)).isTrue();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 9, 18})
    void theAddressMaskCoversItsPages(int mask) {
        vtd.submit(IOTLB | BY_PAGE, mask);
        assertThat(isCached(0x1000)).isFalse();
        assertThat(isCached(0x2000)).isEqualTo(mask == 1);
        assertThat(isCached(0x20_0000)).isEqualTo(mask <= 9);
    }

    @Test
    void addressMasksBeyondTheCapabilityAreRefused() {
        vtd.submit(IOTLB | BY_PAGE, 19);
        assertStopped(4);
    }

    @Test
    @DisplayName("§6.5.2.1: context entries stay cached until they are invalidated")
    void contextInvalidationsHaveTheirScope() {
        for (long descriptor :
                new long[] {
                    CONTEXT_CACHE | GLOBAL,
                    CONTEXT_CACHE | BY_DOMAIN,
                    CONTEXT_CACHE | 3 << 4 | (long) RID << 32,
                    CONTEXT_CACHE | 3 << 4 | (long) (RID ^ 7) << 32 | 3L << 48
                }) {
            vtd.legacyContext(1, tables, 4);
            vtd.submit(CONTEXT_CACHE | GLOBAL, 0);
            fill();
            vtd.legacyContext(0, 0);
            vtd.submit(CONTEXT_CACHE | 2 << 4 | (DID + 1) << 16, 0);
            vtd.submit(CONTEXT_CACHE | 3 << 4 | (long) (RID + 1) << 32, 0);
            fill();
            vtd.submit(descriptor, 0);
            vtd.assertFault(vtd.read(0x1000), 0x02);
        }
    }

    @Test
    @DisplayName("§6.5.2.8: status write")
    void aWaitWritesItsStatus() {
        vtd.store(STATUS, -1L);
        vtd.submit(WAIT, STATUS);
        assertThat(vtd.load(STATUS)).isEqualTo(0xffff_ffff_0000_0002L);
        assertThat(vtd.head()).isEqualTo(vtd.tail());
    }

    @Test
    void aStatusWriteToNothingIsLost() {
        vtd.submit(WAIT, NOWHERE);
        assertThat(vtd.head()).isEqualTo(vtd.tail());
        assertThat(vtd.isSynchronized()).isTrue();
    }

    @Test
    @DisplayName("§6.5.2.8: interrupt flag")
    void aWaitRaisesTheCompletionEventOnce() {
        vtd.write32(0x0a4, 0x55);
        vtd.write32(0x0a8, 0xfee0_3000);
        vtd.write32(0x0a0, 0);
        vtd.submit(5 | 1 << 4, 0);
        vtd.submit(5 | 1 << 4, 0);
        assertThat(vtd.messages).containsExactly(new VtdHarness.Message(0xfee0_3000L, 0x55));
        assertThat(vtd.read32(0x09c)).isEqualTo(1);
        vtd.write32(0x09c, 1);
        vtd.submit(5 | 1 << 4 | 1 << 6, 0);
        assertThat(vtd.messages).hasSize(2);
    }

    @Test
    void aMaskedCompletionEventGoesWithItsStatus() {
        vtd.submit(5 | 1 << 4, 0);
        assertThat(vtd.read32(0x0a0)).isEqualTo(3L << 30);
        vtd.write32(0x09c, 1);
        assertThat(vtd.read32(0x0a0)).isEqualTo(1L << 31);
    }

    @Test
    void aWaitIsNotDoneWhileAnEarlierDmaIsUnderWay() {
        long ticket = vtd.unit.enterDma();
        vtd.put(IOTLB | GLOBAL, 0);
        assertThat(vtd.isSynchronized()).isFalse();
        vtd.unit.exitDma(ticket);
        vtd.loop.runUntilIdle();
        assertThat(vtd.status()).isEqualTo(2);
    }

    @Test
    @DisplayName("§6.5.2.5: a wait is not done before the device TLB has acknowledged")
    void aWaitIsNotDoneWhileADeviceTlbInvalidationIsOutstanding() {
        vtd.put(DEVICE_TLB, 0x1000);
        assertThat(vtd.isSynchronized()).isFalse();
        assertThat(endpoint.invalidations.getFirst().iova()).isEqualTo(0x1000);
        assertThat(endpoint.invalidations.getFirst().hasPasid()).isFalse();
        endpoint.completions.getFirst().run();
        vtd.loop.runUntilIdle();
        assertThat(vtd.status()).isEqualTo(2);
    }

    @Test
    void laterDescriptorsWaitBehindAWait() {
        vtd.put(DEVICE_TLB, 0x1000);
        vtd.put(WAIT, STATUS);
        vtd.submit(IOTLB | GLOBAL, 0);
        assertThat(isCached(0x1000)).isTrue();
        endpoint.completions.getFirst().run();
        vtd.loop.runUntilIdle();
        assertThat(isCached(0x1000)).isFalse();
    }

    @ParameterizedTest
    @CsvSource({
        "0x1000, 0x1000, 12",
        "0x1001, 0, 14",
        "0x2001, 0x2000, 13",
        "0xff001, 0, 21",
        "0x7ffffffff001, 0, 48",
        "0x7ffffffffffff001, 0, 64",
        "0xfffffffffffff001, 0, 64"
    })
    @DisplayName("§6.5.2.5: the size is in the address")
    void deviceTlbInvalidationsHaveTheirRange(String qw1, String iova, int sizeLog2) {
        vtd.submit(DEVICE_TLB, Long.parseUnsignedLong(qw1.substring(2), 16));
        var request = endpoint.invalidations.getFirst();
        assertThat(request.iova()).isEqualTo(Long.decode(iova));
        assertThat(request.sizeLog2()).isEqualTo(sizeLog2);
    }

    @Test
    void aFunctionThatIsNotThereNeedsNoAcknowledgement() {
        vtd.put(3 | 0x4242L << 32, 0x1000);
        assertThat(vtd.isSynchronized()).isTrue();
    }

    @Test
    @DisplayName("§6.5.2.10: a time-out aborts the wait, whose status is never written")
    void aTimeOutIsIte() {
        vtd.put(DEVICE_TLB, 0x1000);
        assertThat(vtd.isSynchronized()).isFalse();
        vtd.clock.advance(90_000_000_000L);
        vtd.loop.runUntilIdle();
        assertThat(vtd.read32(0x034)).isEqualTo(ITE);
        assertThat(vtd.read64(0x0b0)).isEqualTo((long) RID << 32);
        assertThat(vtd.messages).hasSize(1);
        vtd.submit(IOTLB | GLOBAL, 0);
        assertThat(isCached(0x1000)).isTrue();
        vtd.write32(0x034, ITE);
        vtd.loop.runUntilIdle();
        assertThat(vtd.read64(0x0b0)).isZero();
        assertThat(isCached(0x1000)).isFalse();
        assertThat(vtd.status()).isEqualTo(1);
        assertThat(vtd.isSynchronized()).isTrue();
    }

    @Test
    @DisplayName("§11.4.9.9: a completion that nobody waits for is ICE, and the queue goes on")
    void anUnexpectedCompletionIsIce() {
        vtd.submit(DEVICE_TLB, 0x1000);
        endpoint.completions.getFirst().run();
        assertThat(vtd.isSynchronized()).isTrue();
        assertThat(vtd.messages).isEmpty();

        endpoint.completions.getFirst().run();

        assertThat(vtd.read32(0x034)).isEqualTo(ICE);
        assertThat(vtd.read64(0x0b0)).isEqualTo((long) RID << 48);
        assertThat(vtd.messages).hasSize(1);
        vtd.submit(IOTLB | GLOBAL, 0);
        assertThat(isCached(0x1000)).isFalse();
        vtd.write32(0x034, ICE);
        assertThat(vtd.read32(0x034)).isZero();
        assertThat(vtd.read64(0x0b0)).isZero();
    }

    @Test
    void aCompletionAfterItsTimeOutIsIceBesideIte() {
        vtd.put(DEVICE_TLB, 0x1000);
        assertThat(vtd.isSynchronized()).isFalse();
        vtd.clock.advance(90_000_000_000L);
        vtd.loop.runUntilIdle();

        endpoint.completions.getFirst().run();

        assertThat(vtd.read32(0x034)).isEqualTo(ITE | ICE);
        assertThat(vtd.read64(0x0b0)).isEqualTo((long) RID << 48 | (long) RID << 32);
    }

    @Test
    void whatAnUnpluggedFunctionCompletesLateIsNoError() {
        vtd.submit(DEVICE_TLB, 0x1000);
        vtd.unit.removed(RID);
        vtd.loop.runUntilIdle();

        endpoint.completions.getFirst().run();

        assertThat(vtd.read32(0x034)).isZero();
    }

    @Test
    void aFunctionThatIsUnpluggedHoldsNobodyUp() {
        vtd.put(DEVICE_TLB, 0x1000);
        assertThat(vtd.isSynchronized()).isFalse();
        vtd.unit.removed(RID);
        vtd.loop.runUntilIdle();
        assertThat(vtd.status()).isEqualTo(2);
    }

    @Test
    void moreInvalidationsThanItagsParkTheQueue() {
        for (int i = 0; i < 200; i++) {
            vtd.put(DEVICE_TLB, 0x1000L * i);
        }
        assertThat(vtd.isSynchronized()).isFalse();
        for (int done = 0; done < 200; done++) {
            assertThat(vtd.status()).isEqualTo(1);
            endpoint.completions.get(done).run();
            vtd.loop.runUntilIdle();
        }
        assertThat(vtd.status()).isEqualTo(2);
    }

    @Test
    @DisplayName("§6.5.2.10: the head stays at a bad descriptor, and goes on from there")
    void aBadDescriptorStopsTheQueueUntilItIsReplaced() {
        vtd.submit(IOTLB | GLOBAL, 0);
        fill();
        long at = vtd.tail();
        vtd.put(0xf, 0);
        vtd.submit(IOTLB | GLOBAL, 0);
        assertStopped(3);
        assertThat(vtd.head()).isEqualTo(at);
        assertThat(vtd.messages).hasSize(1);
        assertThat(isCached(0x1000)).isTrue();
        vtd.store(VtdHarness.QUEUE + at, WAIT, STATUS);
        vtd.write32(0x034, IQE);
        vtd.loop.runUntilIdle();
        assertThat(vtd.read32(0x034)).isZero();
        assertThat(vtd.read64(0x0b0)).isZero();
        assertThat(vtd.status()).isEqualTo(2);
        assertThat(isCached(0x1000)).isFalse();
    }

    @ParameterizedTest
    @CsvSource({
        "0, 0, 3", // no such type
        "0xa, 0, 3", // page stream response
        "0x205, 0, 3", // upper type bits
        "0x1, 0, 4", // context cache: granularity
        "0x50, 0, 3",
        "0x151, 0, 4", // context cache: reserved
        "0x11, 0x1000, 4",
        "0x2, 0, 4", // IOTLB: granularity
        "0x112, 0, 4",
        "0x12, 0x80, 4",
        "0x13, 0x0, 4", // device TLB: reserved
        "0x3, 0x2, 4",
        "0x1003, 0x1000, 4", // PFSID
        "0x24, 0, 4", // interrupt entry cache
        "0x4, 0x1, 4",
        "0x80000014, 0, 4", // index mask beyond MHMV
        "0x5, 0, 4", // wait that does nothing
        "0x125, 0, 4",
        "0x25, 0x1, 4",
        "0x6, 0, 4", // PASID IOTLB: granularity
        "0x16, 0, 4",
        "0x66, 0, 4",
        "0x36, 0x800, 4",
        "0x27, 0, 4", // PASID cache: granularity
        "0x37, 0x1, 4",
        "0x1008, 0x1000, 4", // PASID device TLB: PFSID
        "0x8, 0x2, 4",
        "0x49, 0, 4", // page group response
        "0x29, 0, 4", // private data that the unit never gave
        "0x9, 0x1000, 4"
    })
    @DisplayName("§6.5.2: types and reserved fields")
    void reservedEncodingsStopTheQueue(String qw0, String qw1, int error) {
        vtd.submit(Long.decode(qw0), Long.decode(qw1));
        assertStopped(error);
        assertThat(vtd.head()).isZero();
    }

    @Test
    void descriptorsOfFeaturesThatAreNotThereHaveNoType() {
        var plain = new VtdHarness(VtdOptions.defaults()).legacy().queue(false);
        for (long descriptor : new long[] {3, 0x26, 0x37, 8, 9}) {
            plain.submit(descriptor, 0);
            assertThat(plain.read64(0x0b0)).describedAs("%x", descriptor).isEqualTo(3);
            plain.store(VtdHarness.QUEUE + plain.head(), IOTLB | GLOBAL, 0);
            plain.write32(0x034, IQE);
            plain.loop.runUntilIdle();
            assertThat(plain.head()).isEqualTo(plain.tail());
        }
        plain.submit(WAIT | 1 << 7, STATUS);
        assertThat(plain.read64(0x0b0)).describedAs("PD without PDS").isEqualTo(4);
    }

    @Test
    void driversBitsWithoutMeaningAreLetThrough() {
        vtd.put(IOTLB | GLOBAL | 3 << 6, 0);
        vtd.put(9 | 1 << 4, 1 << 2);
        assertThat(vtd.isSynchronized()).isTrue();
    }

    @Test
    @DisplayName("§11.4.9.9: IQEI 1, 2 and 6")
    void tailsAndAddressesAreChecked() {
        vtd.write32(0x088, 4096);
        vtd.loop.runUntilIdle();
        assertStopped(1);
        vtd.write32(0x088, 0);
        vtd.write32(0x034, IQE);
        vtd.write64(0x090, NOWHERE);
        vtd.write32(0x088, 16);
        vtd.loop.runUntilIdle();
        assertStopped(2);
        vtd.off(VtdHarness.QIE);
        vtd.write32(0x034, IQE);
        vtd.queue(true);
        vtd.write32(0x088, 0x30);
        vtd.loop.runUntilIdle();
        assertStopped(6);
    }

    @Test
    @DisplayName("§11.4.9.9: IQEI 5 and 7")
    void widthAndRootTableTypeAreChecked() {
        var plain = new VtdHarness(VtdOptions.defaults());
        plain.write64(0x090, VtdHarness.QUEUE | 1 << 11);
        assertThat(plain.read64(0x0b0)).isEqualTo(5);
        vtd.rootTable(2);
        vtd.submit(IOTLB | GLOBAL, 0);
        assertStopped(7);
        vtd.rootTable(1);
        vtd.write32(0x034, IQE);
        vtd.loop.runUntilIdle();
        assertStopped(5);
    }

    @Test
    void whatWasQueuedBeforeTheQueueIsEnabledIsServed() {
        vtd.off(VtdHarness.QIE);
        assertThat(vtd.head()).isZero();
        vtd.submit(IOTLB | GLOBAL, 0);
        assertThat(isCached(0x1000)).isTrue();
        vtd.on(VtdHarness.QIE);
        assertThat(isCached(0x1000)).isFalse();
    }

    @Test
    void disablingForgetsAWaitThatIsParked() {
        vtd.put(DEVICE_TLB, 0x1000);
        assertThat(vtd.isSynchronized()).isFalse();
        vtd.off(VtdHarness.QIE);
        assertThat(vtd.read32(0x01c) & VtdHarness.QIE).isZero();
        endpoint.completions.getFirst().run();
        vtd.loop.runUntilIdle();
        assertThat(vtd.status()).isEqualTo(1);
        assertThat(vtd.head()).isZero();
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void theQueueWrapsAround(boolean wide) {
        vtd.off(VtdHarness.QIE);
        var fresh = new VtdHarness().legacy().queue(wide);
        for (int i = 0; i < 4 * 256; i++) {
            if (i % 100 == 0) {
                assertThat(fresh.isSynchronized()).isTrue();
            } else {
                fresh.put(IOTLB | GLOBAL, 0);
            }
        }
        fresh.ring();
        assertThat(fresh.head()).isEqualTo(fresh.tail());
        for (int i = 0; i < 255; i++) {
            fresh.put(IOTLB | GLOBAL, 0);
        }
        fresh.ring();
        assertThat(fresh.head()).isEqualTo(fresh.tail());
    }

    @Test
    @DisplayName("§6.5.1: register-based invalidation")
    void registersInvalidateToo() {
        vtd.off(VtdHarness.QIE);
        vtd.write64(0x500, 0x1000);
        vtd.write64(0x508, 1L << 63 | 3L << 60 | (long) DID << 32);
        vtd.loop.runUntilIdle();
        assertThat(vtd.read64(0x508) >>> 57).describedAs("IVT clear, IAIG").isEqualTo(0b11011);
        assertThat(isCached(0x1000)).isFalse();
        assertThat(isCached(0x2000)).isTrue();
        vtd.legacyContext(0, 0);
        fill();
        long ticket = vtd.unit.enterDma();
        vtd.write32(0x028, DID);
        vtd.write32(0x02c, 1L << 31 | 2 << 29);
        vtd.loop.runUntilIdle();
        assertThat(vtd.read64(0x028)).describedAs("a DMA is under way").isNegative();
        vtd.unit.exitDma(ticket);
        assertThat(vtd.read64(0x028) >>> 59).describedAs("ICC clear, CAIG").isEqualTo(0b01010);
        vtd.assertFault(vtd.read(0x1000), 0x02);
    }

    @Test
    void aReservedGranularityInARegisterDoesNothing() {
        vtd.write64(0x508, 1L << 63);
        vtd.write64(0x028, 1L << 63);
        vtd.loop.runUntilIdle();
        assertThat(vtd.read64(0x508)).isZero();
        assertThat(vtd.read64(0x028)).isZero();
        assertThat(isCached(0x1000)).isTrue();
    }
}
