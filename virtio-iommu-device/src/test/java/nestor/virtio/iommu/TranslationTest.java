package nestor.virtio.iommu;

import static nestor.virtio.iommu.IommuHarness.BYPASS;
import static nestor.virtio.iommu.IommuHarness.ENDPOINT;
import static nestor.virtio.iommu.IommuHarness.READ;
import static nestor.virtio.iommu.IommuHarness.WRITE;
import static nestor.virtio.iommu.IommuHarness.isolating;
import static nestor.virtio.iommu.IommuHarness.le;
import static nestor.virtio.iommu.IommuHarness.unmapBytes;
import static nestor.virtio.testkit.DriverQueue.readable;
import static nestor.virtio.testkit.DriverQueue.writable;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.util.List;
import nestor.iommu.IovaRange;
import nestor.pci.AddressType;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.virtio.testkit.DriverQueue.Used;
import nestor.virtio.testkit.TestMachine;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class TranslationTest {
    private static final long PHYS = TestMachine.RAM + (32L << 20);
    private static final Requester REQUESTER = Requester.withoutPasid(ENDPOINT);

    @Test
    void aMappingMovesBytesToItsPhysicalAddressWithItsAccess() {
        var iommu = isolating();
        iommu.attach(1, ENDPOINT, 0);
        iommu.map(1, 0x5000, 0x6fff, PHYS, READ | WRITE);
        iommu.map(1, 0x7000, 0x7fff, PHYS + 0x5000, READ);

        var data = MemorySegment.ofArray(new byte[] {1, 2, 3, 4});
        iommu.endpoint.dma().write(iommu.endpoint.requester(), 0x5ffe, data);
        assertThat(iommu.machine.read(PHYS + 0xffe, 4)).containsExactly(1, 2, 3, 4);
        assertThat(iommu.canWrite(0x7000)).isFalse();
        assertThat(iommu.canRead(0x7000)).isTrue();
        assertThat(iommu.canRead(0x4ffe)).isFalse();
        assertThat(iommu.canRead(0x8000)).isFalse();
    }

    @Test
    void aHitReturnsTheVeryObjectCached() {
        var iommu = isolating();
        iommu.attach(1, ENDPOINT, 0);
        iommu.map(1, 0x1_0000, 0x3_4fff, PHYS, READ);

        Translation first =
                iommu.iommu.translate(
                        REQUESTER, AddressType.UNTRANSLATED, 0x2_1234, Translation.READ);
        assertThat(
                        iommu.iommu.translate(
                                REQUESTER, AddressType.UNTRANSLATED, 0x2_1234, Translation.READ))
                .isSameAs(first);
        assertThat(first)
                .describedAs("the largest aligned block around the address")
                .isEqualTo(
                        new Translation.Mapping(0x2_0000, 16, PHYS + 0x1_0000, Translation.READ));
    }

    @Test
    void theWholeAddressSpaceCanBeMapped() {
        var iommu = isolating();
        iommu.attach(1, ENDPOINT, 0);
        assertThat(iommu.map(1, 0, -1, 0, READ)).isZero();
        assertThat(iommu.iommu.translate(REQUESTER, AddressType.UNTRANSLATED, -1, Translation.READ))
                .isEqualTo(new Translation.Mapping(0, 64, 0, Translation.READ));
        assertThat(iommu.unmap(1, 0, -1)).isZero();
        assertThat(iommu.canRead(PHYS)).isFalse();
    }

    @Test
    @DisplayName("§5.13.6.1: who bypasses")
    void bypassTruthTable() {
        for (boolean boot : new boolean[] {false, true}) {
            for (long features : new long[] {-1, ~(1L << 6)}) {
                var iommu = new IommuHarness(VirtioIommuConfig.defaults(boot), features);
                assertThat(iommu.canRead(PHYS)).describedAs("unattached").isEqualTo(boot);
                iommu.attach(1, ENDPOINT, 0);
                assertThat(iommu.canRead(PHYS)).describedAs("attached").isFalse();
                iommu.detach(1, ENDPOINT);
                assertThat(iommu.canRead(PHYS)).isEqualTo(boot);
                iommu.driver.device(36, 1, boot ? 0 : 1);
                assertThat(iommu.canRead(PHYS)).describedAs("bypass written").isEqualTo(!boot);
                if (features == -1) {
                    assertThat(iommu.attach(2, ENDPOINT, BYPASS)).isZero();
                    assertThat(iommu.canWrite(PHYS)).describedAs("bypass domain").isTrue();
                }
            }
        }
    }

    @Test
    @DisplayName("§5.13.4.2: bypass takes 0 and 1, outlives a device reset, not a system reset")
    void bypassRegister() {
        var iommu = isolating();
        iommu.driver.device(36, 1, 1);
        iommu.driver.device(36, 1, 2);
        assertThat(iommu.driver.device(36, 1)).isEqualTo(1);
        iommu.driver.reset();
        assertThat(iommu.driver.device(36, 1)).isEqualTo(1);
        assertThat(iommu.canRead(PHYS)).isTrue();
        iommu.iommu.systemReset();
        assertThat(iommu.driver.device(36, 1)).isZero();
        assertThat(iommu.canRead(PHYS)).isFalse();
    }

    @Test
    void aDeviceResetDropsDomains() {
        var iommu = isolating();
        iommu.attach(1, ENDPOINT, 0);
        iommu.map(1, 0, 0xfff, PHYS, READ);
        assertThat(iommu.canRead(0)).isTrue();
        iommu.driver.reset();
        assertThat(iommu.canRead(0)).isFalse();
    }

    @Test
    void interruptMessagesPassAnMsiRegionUntranslated() {
        var doorbell = new IovaRange(TestMachine.DOORBELL, TestMachine.DOORBELL + 0xfff);
        var iommu =
                new IommuHarness(
                        new VirtioIommuConfig(
                                -4096,
                                IovaRange.ALL,
                                0,
                                9,
                                List.of(new ReservedRegion(ReservedRegion.Subtype.MSI, doorbell)),
                                false,
                                VirtioIommuConfig.Limits.DEFAULT));
        int before = iommu.machine.messages().size();
        assertThat(iommu.canWrite(TestMachine.DOORBELL)).isTrue();
        assertThat(iommu.machine.messages()).hasSize(before + 1);
        assertThat(iommu.canWrite(TestMachine.DOORBELL + 0x1000)).isFalse();
        assertThat(iommu.canRead(TestMachine.DOORBELL)).isFalse();
    }

    @Test
    @DisplayName("§5.13.6.9: fault reports")
    void faultReports() {
        var iommu = isolating();
        long[] buffers = iommu.eventBuffers(3, 24);
        iommu.canWrite(0x1234_5678);
        iommu.attach(1, ENDPOINT, 0);
        iommu.map(1, 0, 0xfff, PHYS, WRITE);
        iommu.canRead(0x10);
        iommu.canWrite(0x1000);
        iommu.machine.run();

        assertThat(iommu.events.drain()).extracting(Used::length).containsExactly(24, 24, 24);
        assertReport(iommu, buffers[0], 1, 0x102, 0x1234_5678);
        assertReport(iommu, buffers[1], 2, 0x101, 0x10);
        assertReport(iommu, buffers[2], 2, 0x102, 0x1000);
    }

    private static void assertReport(
            IommuHarness iommu, long buffer, int reason, int flags, long address) {
        byte[] report = iommu.machine.read(buffer, 24);
        assertThat(le(report).getInt(0)).isEqualTo(reason);
        assertThat(le(report).getInt(4)).isEqualTo(flags);
        assertThat(le(report).getInt(8)).isEqualTo(ENDPOINT);
        assertThat(le(report).getInt(12)).isZero();
        assertThat(le(report).getLong(16)).isEqualTo(address);
    }

    @Test
    void faultsWithoutABufferAreDroppedAndLaterOnesAreNot() {
        var iommu = isolating();
        for (int i = 0; i < 1000; i++) {
            iommu.canRead(i);
        }
        iommu.machine.run();
        long[] buffers = iommu.eventBuffers(2, 24);
        assertThat(iommu.events.drain()).isEmpty();
        iommu.canRead(0x9999);
        iommu.machine.run();
        assertThat(iommu.events.drain()).hasSize(1);
        assertReport(iommu, buffers[0], 1, 0x101, 0x9999);
    }

    @Test
    void anEventBufferThatIsTooSmallIsReturnedEmpty() {
        var iommu = isolating();
        iommu.eventBuffers(1, 16);
        iommu.eventBuffers(1, 24);
        iommu.canRead(0x9999);
        iommu.machine.run();
        assertThat(iommu.events.drain()).extracting(Used::length).containsExactly(0, 24);
    }

    @Test
    void theReplyToUnmapWaitsForDmaUnderWay() {
        var iommu = isolating();
        iommu.attach(1, ENDPOINT, 0);
        iommu.map(1, 0, 0xfff, PHYS, READ);
        iommu.map(1, 0x1000, 0x1fff, PHYS, READ);
        long ticket = iommu.iommu.enterDma();
        long request = iommu.machine.allocate(4096);
        iommu.machine.write(request, unmapBytes(1, 0, 0xfff));
        iommu.requests.offer(readable(request, 28), writable(request + 64, 4));
        iommu.machine.write(request + 128, unmapBytes(1, 0x1000, 0x1fff));
        iommu.requests.offer(readable(request + 128, 28), writable(request + 256, 4));
        iommu.requests.kick();

        assertThat(iommu.requests.drain()).describedAs("parked").isEmpty();
        assertThat(iommu.iommu.translate(REQUESTER, AddressType.UNTRANSLATED, 0, Translation.READ))
                .describedAs("revoked at once")
                .isInstanceOf(Translation.Rejected.class);

        iommu.iommu.exitDma(ticket);
        iommu.machine.run();
        assertThat(iommu.requests.drain()).extracting(Used::length).containsExactly(4, 4);
        assertThat(iommu.machine.read(request + 64, 1)).containsExactly(0);
    }

    @Test
    void bypassReadsAsEndedOnceTheDmaUnderWayHasLeft() {
        var iommu = new IommuHarness(VirtioIommuConfig.defaults(true));
        long before = iommu.iommu.enterDma();
        iommu.driver.device(36, 1, 0);
        long after = iommu.iommu.enterDma();

        assertThat(iommu.canRead(PHYS)).describedAs("revoked at once").isFalse();
        assertThat(iommu.driver.device(36, 1)).isEqualTo(1);
        iommu.iommu.exitDma(before);
        assertThat(iommu.driver.device(36, 1)).isZero();
        iommu.iommu.exitDma(after);
        assertThat(iommu.driver.device(36, 1)).isZero();
    }

    @Test
    void bypassThatIsSetAgainStaysSetWhenTheDmaHasLeft() {
        var iommu = new IommuHarness(VirtioIommuConfig.defaults(true));
        long ticket = iommu.iommu.enterDma();
        iommu.driver.device(36, 1, 0);
        iommu.driver.device(36, 1, 1);
        iommu.iommu.exitDma(ticket);

        assertThat(iommu.driver.device(36, 1)).isEqualTo(1);
        assertThat(iommu.canRead(PHYS)).isTrue();
    }

    @Test
    void bypassThatIsClearedTwiceWaitsForTheDmaOfTheSecondTime() {
        var iommu = new IommuHarness(VirtioIommuConfig.defaults(true));
        long first = iommu.iommu.enterDma();
        iommu.driver.device(36, 1, 0);
        iommu.driver.device(36, 1, 1);
        long second = iommu.iommu.enterDma();
        iommu.driver.device(36, 1, 0);

        iommu.iommu.exitDma(first);
        assertThat(iommu.driver.device(36, 1)).isEqualTo(1);
        iommu.iommu.exitDma(second);
        assertThat(iommu.driver.device(36, 1)).isZero();
    }

    @Test
    @DisplayName("§2.4.1: a reset reads as done once the DMA under way has left")
    void aResetWaitsForDmaUnderWay() {
        var iommu = isolating();
        iommu.attach(1, ENDPOINT, 0);
        iommu.map(1, 0, 0xfff, PHYS, READ);
        assertThat(iommu.canRead(0)).isTrue();
        long ticket = iommu.iommu.enterDma();
        iommu.driver.reset();

        assertThat(iommu.driver.status()).describedAs("still resetting").isNotZero();
        assertThat(iommu.canRead(0)).describedAs("revoked at once").isFalse();
        iommu.driver.reset();
        iommu.iommu.exitDma(ticket);
        assertThat(iommu.driver.status()).isZero();
    }

    @Test
    void aDomainThatIsMadeAgainRemembersNothing() {
        var iommu = isolating();
        iommu.attach(1, ENDPOINT, 0);
        iommu.map(1, 0, 0xfff, PHYS, READ);
        assertThat(iommu.canRead(0)).isTrue();
        iommu.detach(1, ENDPOINT);
        iommu.attach(1, ENDPOINT, 0);

        assertThat(iommu.canRead(0)).isFalse();
    }

    @Test
    void aHitAllocatesNothing() {
        var iommu = isolating();
        iommu.attach(1, ENDPOINT, 0);
        iommu.map(1, 0, 0xf_ffff, PHYS, READ);
        var threads = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
        int hits = translateOften(iommu, 100_000);
        long before = threads.getCurrentThreadAllocatedBytes();
        hits += translateOften(iommu, 100_000);
        long allocated = threads.getCurrentThreadAllocatedBytes() - before;

        assertThat(hits).isEqualTo(200_000);
        assertThat(allocated).isLessThan(100_000);
    }

    private static int translateOften(IommuHarness iommu, int times) {
        int hits = 0;
        for (int i = 0; i < times; i++) {
            long iova = (long) (i & 0xff) << 12;
            if (iommu.iommu.translate(REQUESTER, AddressType.UNTRANSLATED, iova, Translation.READ)
                    instanceof Translation.Mapping) {
                hits++;
            }
        }
        return hits;
    }

    @Test
    void aResetForgetsAParkedReply() {
        var iommu = isolating();
        iommu.attach(1, ENDPOINT, 0);
        iommu.map(1, 0, 0xfff, PHYS, READ);
        long ticket = iommu.iommu.enterDma();
        long request = iommu.machine.allocate(4096);
        iommu.machine.write(request, unmapBytes(1, 0, 0xfff));
        iommu.requests.offer(readable(request, 28), writable(request + 64, 4));
        iommu.requests.kick();
        iommu.driver.reset();
        iommu.iommu.exitDma(ticket);
        iommu.machine.run();
        assertThat(iommu.requests.drain()).isEmpty();
    }
}
