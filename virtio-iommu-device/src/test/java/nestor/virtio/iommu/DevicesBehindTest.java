package nestor.virtio.iommu;

import static nestor.virtio.iommu.IommuHarness.ENDPOINT;
import static nestor.virtio.iommu.IommuHarness.OTHER_ENDPOINT;
import static nestor.virtio.iommu.IommuHarness.READ;
import static nestor.virtio.iommu.IommuHarness.WRITE;
import static nestor.virtio.testkit.DriverQueue.readable;
import static nestor.virtio.testkit.DriverQueue.writable;
import static org.assertj.core.api.Assertions.assertThat;

import nestor.virtio.pci.VirtioPci;
import nestor.virtio.testkit.DriverQueue;
import nestor.virtio.testkit.DriverQueue.Used;
import nestor.virtio.testkit.EchoDevice;
import nestor.virtio.testkit.TestMachine;
import nestor.virtio.testkit.VirtioDriver;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class DevicesBehindTest {
    private final IommuHarness iommu = IommuHarness.isolating();
    private final TestMachine machine = iommu.machine;

    private VirtioDriver plug(VirtioPci.Access access) {
        VirtioDriver driver = machine.plug(OTHER_ENDPOINT >> 3, new EchoDevice(), access);
        driver.negotiate();
        return driver;
    }

    @Test
    @DisplayName("§6.1: with ACCESS_PLATFORM, rings and buffers pass the IOMMU")
    void ringsAndBuffersAreTranslated() {
        VirtioDriver driver = plug(VirtioPci.Access.PLATFORM);
        DriverQueue queue = driver.queue(0, 16);
        driver.driverOk();
        long[] events = iommu.eventBuffers(8, 24);
        long buffer = machine.allocate(4096);
        machine.write(buffer, new byte[] {1, 2, 3, 4});
        // The driver's addresses are mapped one to one, the buffer elsewhere.
        iommu.attach(1, OTHER_ENDPOINT, 0);
        long rings = queue.descriptors();
        iommu.map(1, rings, rings + 0x2fff, rings, READ | WRITE);
        iommu.map(1, 0x1000, 0x1fff, buffer, READ | WRITE);
        iommu.map(1, TestMachine.DOORBELL, TestMachine.DOORBELL + 0xfff, TestMachine.DOORBELL, 6);

        assertThat(queue.request(readable(0x1000, 4), writable(0x1100, 4))).isEqualTo(4);
        assertThat(machine.read(buffer + 0x100, 4)).containsExactly(1, 2, 3, 4);
        assertThat(machine.messages()).contains(new TestMachine.Message(OTHER_ENDPOINT, 1));
        assertThat(iommu.events.drain()).isEmpty();

        assertThat(queue.request(readable(buffer, 4), writable(0x1200, 4)))
                .describedAs("a physical address")
                .isZero();
        machine.run();
        assertThat(iommu.events.drain()).hasSize(1);
        assertThat(IommuHarness.le(machine.read(events[0], 24)).getLong(16)).isEqualTo(buffer);
    }

    @Test
    void ringsThatAreNotMappedNeedAReset() {
        VirtioDriver driver = plug(VirtioPci.Access.PLATFORM);
        DriverQueue queue = driver.queue(0, 16);
        driver.driverOk();
        queue.offer(writable(TestMachine.RAM, 4));
        queue.kick();
        assertThat(driver.status() & VirtioDriver.NEEDS_RESET).isNotZero();
    }

    @Test
    void withoutAccessPlatformAddressesArePhysical() {
        VirtioDriver driver = plug(VirtioPci.Access.DIRECT);
        DriverQueue queue = driver.queue(0, 16);
        driver.driverOk();
        long buffer = machine.allocate(4096);
        assertThat(queue.request(readable(buffer, 4), writable(buffer + 4, 4))).isEqualTo(4);
    }

    @Test
    void aDeviceDoesNotReachItsOwnRegisters() {
        VirtioDriver driver = plug(VirtioPci.Access.DIRECT);
        DriverQueue queue = driver.queue(0, 16);
        driver.driverOk();
        long zeros = machine.allocate(4096);
        long doorbell = driver.structure(2);
        long status = driver.structure(1) + 0x14;
        for (int i = 0; i < 4; i++) {
            queue.offer(readable(zeros, 2), writable(doorbell, 2));
        }
        queue.offer(readable(zeros, 1), writable(status, 1));
        queue.kick();
        assertThat(queue.drain()).hasSize(5).extracting(Used::length).containsOnly(0);
        assertThat(driver.status() & VirtioDriver.DRIVER_OK).isNotZero();
    }

    @Test
    void aDeviceThatWritesTheIommusDoorbellDoesNotDeadlock() {
        VirtioDriver driver = plug(VirtioPci.Access.PLATFORM);
        DriverQueue queue = driver.queue(0, 16);
        driver.driverOk();
        iommu.attach(1, OTHER_ENDPOINT, 0);
        long rings = queue.descriptors();
        iommu.map(1, rings, rings + 0x2fff, rings, READ | WRITE);
        long page = iommu.driver.structure(2) & -4096L;
        iommu.map(1, page, page + 0xfff, page, WRITE);
        long data = machine.allocate(4096);
        iommu.map(1, data, data + 0xfff, data, READ);
        iommu.attach(2, ENDPOINT, 0);
        machine.write(data, IommuHarness.detachBytes(2, ENDPOINT));
        iommu.requests.offer(readable(data, 20), writable(data + 64, 4));
        queue.offer(readable(data + 128, 2), writable(iommu.driver.structure(2), 2));
        queue.kick();
        assertThat(queue.drain()).hasSize(1);
        assertThat(iommu.requests.drain()).hasSize(1);
    }
}
