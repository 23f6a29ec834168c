package nestor.virtio.pci;

import static nestor.virtio.testkit.DriverQueue.readable;
import static nestor.virtio.testkit.DriverQueue.writable;
import static nestor.virtio.testkit.VirtioDriver.ACCESS_PLATFORM;
import static nestor.virtio.testkit.VirtioDriver.ACKNOWLEDGE;
import static nestor.virtio.testkit.VirtioDriver.DRIVER;
import static nestor.virtio.testkit.VirtioDriver.DRIVER_OK;
import static nestor.virtio.testkit.VirtioDriver.EVENT_IDX;
import static nestor.virtio.testkit.VirtioDriver.FEATURES_OK;
import static nestor.virtio.testkit.VirtioDriver.INDIRECT_DESC;
import static nestor.virtio.testkit.VirtioDriver.NO_VECTOR;
import static nestor.virtio.testkit.VirtioDriver.VERSION_1;
import static org.assertj.core.api.Assertions.assertThat;

import nestor.virtio.testkit.DriverQueue;
import nestor.virtio.testkit.EchoDevice;
import nestor.virtio.testkit.TestMachine;
import nestor.virtio.testkit.VirtioDriver;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class VirtioPciTest {
    private static final int FAILED = 128;

    private final TestMachine machine = new TestMachine();
    private final EchoDevice device = new EchoDevice();
    private final VirtioDriver driver = machine.plug(1, device, VirtioPci.Access.DIRECT);

    @Test
    @DisplayName("§4.1.2: vendor, device and revision of a non-transitional device")
    void identity() {
        assertThat(driver.config(0, 2)).isEqualTo(0x1af4);
        assertThat(driver.config(2, 2)).isEqualTo(0x1040 + 42);
        assertThat(driver.config(8, 1)).isEqualTo(1);
        assertThat(driver.config(0x2e, 2)).isGreaterThanOrEqualTo(0x40);
    }

    @Test
    @DisplayName("§4.1.4: every structure has a capability")
    void structuresAreFound() {
        for (int type = 1; type <= 4; type++) {
            assertThat(driver.structure(type)).describedAs("cfg_type %d", type).isNotZero();
        }
        assertThat(driver.structureLength(1)).isGreaterThanOrEqualTo(56);
        assertThat(driver.structureLength(4)).isEqualTo(4);
        assertThat(driver.pciCfgCapability()).isNotZero();
    }

    @Test
    void offeredFeatures() {
        assertThat(driver.offered()).isEqualTo(0b101 | INDIRECT_DESC | EVENT_IDX | VERSION_1);
        VirtioDriver behind = machine.plug(2, new EchoDevice(), VirtioPci.Access.PLATFORM);
        assertThat(behind.offered() & ACCESS_PLATFORM).isNotZero();
        behind.common(0, 4, 2);
        assertThat(behind.common(4, 4)).describedAs("features 64 to 95").isZero();
    }

    @Test
    @DisplayName("§2.2: FEATURES_OK stays clear for a feature that was not offered")
    void unofferedFeaturesAreRefused() {
        assertThat(driver.negotiate(VERSION_1 | 0b10) & FEATURES_OK).isZero();
        driver.reset();
        assertThat(driver.negotiate(VERSION_1 | 0b100) & FEATURES_OK).isNotZero();
    }

    @Test
    @DisplayName("§6.2: no legacy driver, and none that would pass by the IOMMU")
    void requiredFeaturesAreRequired() {
        assertThat(driver.negotiate(0b100) & FEATURES_OK).isZero();
        VirtioDriver behind = machine.plug(2, new EchoDevice(), VirtioPci.Access.PLATFORM);
        assertThat(behind.negotiate(VERSION_1) & FEATURES_OK).isZero();
        behind.reset();
        assertThat(behind.negotiate(VERSION_1 | ACCESS_PLATFORM) & FEATURES_OK).isNotZero();
    }

    @Test
    @DisplayName("§3.1.1: features are fixed at FEATURES_OK")
    void featuresAreFixedOnceAccepted() {
        driver.negotiate(VERSION_1);
        driver.common(8, 4, 0);
        driver.common(0xc, 4, 0b101);
        assertThat(driver.common(0xc, 4)).isZero();
    }

    @Test
    void driverOkNeedsFeaturesOk() {
        driver.status(ACKNOWLEDGE | DRIVER | DRIVER_OK);
        machine.run();
        assertThat(driver.status()).isEqualTo(ACKNOWLEDGE | DRIVER);
        assertThat(device.starts()).isZero();
    }

    @Test
    @DisplayName("§4.1.4.3.2: a status of 0 is read once the reset is done")
    void resetIsDoneWhenStatusReadsZero() {
        driver.negotiate();
        driver.queue(0, 16);
        driver.driverOk();
        driver.status(0);
        assertThat(driver.status()).isNotZero();
        driver.status(ACKNOWLEDGE); // too early: dropped
        machine.run();

        assertThat(driver.status()).isZero();
        assertThat(device.stops()).isEqualTo(1);
        driver.common(0x16, 2, 0);
        assertThat(driver.common(0x1c, 2)).describedAs("queue_enable").isZero();
        assertThat(driver.common(0x18, 2)).isEqualTo(EchoDevice.QUEUE_SIZE);
        assertThat(driver.common(0x20, 8)).isZero();
        assertThat(driver.common(0x1a, 2)).isEqualTo(NO_VECTOR);
    }

    @Test
    @DisplayName("§2.4.1: a status of 0 is read once the device has stopped")
    void aResetWaitsForTheDevice() {
        driver.negotiate();
        driver.queue(0, 16);
        driver.driverOk();
        device.stopLate();
        driver.status(0);
        machine.run();
        assertThat(driver.status()).isNotZero();

        device.finishStops();
        assertThat(driver.status()).isZero();
    }

    @Test
    @DisplayName("PCIe §6.6.2: what is written before a function level reset is done is lost")
    void aFunctionLevelResetWaitsForTheDevice() {
        driver.negotiate();
        driver.driverOk();
        int before = driver.status();
        device.stopLate();
        machine.host().reset();
        machine.run();
        VirtioDriver again = driver.afterFunctionReset();
        again.status(before | FAILED);
        assertThat(again.status()).isEqualTo(before);

        device.finishStops();
        assertThat(again.status()).isZero();
        again.status(ACKNOWLEDGE);
        assertThat(again.status()).isEqualTo(ACKNOWLEDGE);
    }

    @Test
    void aResetForgetsWhatWasInFlight() {
        driver.negotiate();
        DriverQueue old = driver.queue(0, 16);
        driver.driverOk();
        device.hold();
        old.offer(readable(TestMachine.RAM, 8), writable(TestMachine.RAM, 8));
        old.kick();
        assertThat(device.held()).isEqualTo(1);

        driver.reset();
        device.release();
        driver.negotiate();
        DriverQueue queue = driver.queue(0, 16);
        driver.driverOk();
        queue.kick();

        assertThat(old.drain()).isEmpty();
        assertThat(queue.drain()).isEmpty();
        assertThat(queue.request(writable(TestMachine.RAM, 8))).isZero();
    }

    @Test
    void aNotificationBeforeDriverOkServesNothing() {
        driver.negotiate();
        DriverQueue queue = driver.queue(0, 16);
        queue.offer(writable(machine.allocate(8), 8));
        queue.kick();
        assertThat(queue.drain()).isEmpty();
    }

    @Test
    @DisplayName("§4.1.4.3.1: a queue that does not exist has size 0")
    void absentQueuesHaveNoSize() {
        assertThat(driver.common(0x12, 2)).isEqualTo(2);
        driver.common(0x16, 2, 2);
        driver.common(0x1c, 2, 1);
        driver.common(0x1a, 2, 0);
        assertThat(driver.common(0x18, 2)).isZero();
        assertThat(driver.common(0x1c, 2)).isZero();
        assertThat(driver.common(0x1a, 2)).isEqualTo(NO_VECTOR);
    }

    @Test
    void aQueueSizeIsAPowerOfTwoUpToTheLargest() {
        driver.common(0x16, 2, 0);
        for (int refused : new int[] {0, 3, 2 * EchoDevice.QUEUE_SIZE, 0xffff}) {
            driver.common(0x18, 2, refused);
            assertThat(driver.common(0x18, 2)).isEqualTo(EchoDevice.QUEUE_SIZE);
        }
        driver.common(0x18, 2, 4);
        assertThat(driver.common(0x18, 2)).isEqualTo(4);
        driver.common(0x16, 2, 1);
        assertThat(driver.common(0x18, 2)).describedAs("banked by queue_select").isEqualTo(8);
    }

    @Test
    @DisplayName("§4.1.5.1.2: a vector the function does not have reads back as NO_VECTOR")
    void vectorsAreChecked() {
        driver.common(0x10, 2, 3);
        assertThat(driver.common(0x10, 2)).isEqualTo(NO_VECTOR);
        driver.common(0x10, 2, 2);
        assertThat(driver.common(0x10, 2)).isEqualTo(2);
    }

    @Test
    @DisplayName("§4.1.4.5: ISR status tells queue and configuration interrupts, reading clears")
    void isrStatus() {
        driver.negotiate();
        DriverQueue queue = driver.queue(0, 16);
        driver.driverOk();
        queue.request(writable(machine.allocate(8), 8));
        device.change(7);

        assertThat(driver.isr()).isEqualTo(3);
        assertThat(driver.isr()).isZero();
    }

    @Test
    @DisplayName("§2.5: a change of the configuration space moves the generation and interrupts")
    void configurationChanges() {
        driver.negotiate();
        driver.driverOk();
        long before = driver.common(0x15, 1);
        device.change(0xabcd);

        assertThat(driver.common(0x15, 1)).isNotEqualTo(before);
        assertThat(driver.device(0, 4)).isEqualTo(0xabcd);
        assertThat(machine.messages()).containsExactly(new TestMachine.Message(driver.rid(), 0));
    }

    @Test
    @DisplayName("§4.1.4.9: the configuration access window reaches the same registers")
    void configurationAccessWindow() {
        int cap = driver.pciCfgCapability();
        driver.config(cap + 4, 1, 4);
        driver.config(cap + 8, 4, 0x12);
        driver.config(cap + 12, 4, 2);
        assertThat(driver.config(cap + 16, 2)).describedAs("num_queues").isEqualTo(2);

        driver.config(cap + 8, 4, 0x14);
        driver.config(cap + 12, 4, 1);
        driver.config(cap + 16, 1, ACKNOWLEDGE);
        assertThat(driver.status()).isEqualTo(ACKNOWLEDGE);
    }

    @Test
    void aWindowThatFitsNoRegisterReadsAsZero() {
        int cap = driver.pciCfgCapability();
        long[][] windows = {{0, 0x12, 2}, {4, 0x12, 3}, {4, 0x13, 2}, {4, 0x3fff, 2}, {4, -1, 1}};
        for (long[] window : windows) {
            driver.config(cap + 4, 1, window[0]);
            driver.config(cap + 8, 4, window[1]);
            driver.config(cap + 12, 4, window[2]);
            driver.config(cap + 16, 4, 0xffff_ffffL);
            assertThat(driver.config(cap + 16, 4)).isZero();
        }
    }

    @Test
    void aFunctionLevelResetIsADeviceReset() {
        driver.negotiate();
        driver.queue(0, 16);
        driver.driverOk();
        machine.host().reset();
        machine.run();
        assertThat(device.stops()).isEqualTo(1);
    }
}
