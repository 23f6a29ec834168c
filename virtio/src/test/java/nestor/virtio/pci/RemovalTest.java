package nestor.virtio.pci;

import static nestor.virtio.testkit.DriverQueue.readable;
import static nestor.virtio.testkit.DriverQueue.writable;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import nestor.virtio.testkit.DriverQueue;
import nestor.virtio.testkit.EchoDevice;
import nestor.virtio.testkit.TestMachine;
import nestor.virtio.testkit.VirtioDriver;
import nestor.vmm.loop.ManualLoop;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A virtio device that leaves its bus for good. */
class RemovalTest {
    private final ManualLoop loop = new ManualLoop();
    private final TestMachine machine = new TestMachine();
    private final EchoDevice device = new EchoDevice();
    private final VirtioPci transport =
            new VirtioPci("leaves", device, loop, VirtioPci.Access.DIRECT);
    private final VirtioDriver driver = machine.plug(1, transport.function());
    private final List<String> order = new ArrayList<>();
    private DriverQueue queue;
    private long buffer;

    @BeforeEach
    void start() {
        driver.negotiate();
        queue = driver.queue(0, 16);
        driver.driverOk();
        loop.runUntilIdle();
        buffer = machine.allocate(4096);
    }

    private void offer() {
        queue.offer(readable(buffer, 8), writable(buffer + 8, 8));
    }

    @Test
    void whatTheDriverMadeAvailableIsServedFirst() {
        for (int i = 0; i < 5; i++) {
            offer();
        }

        transport.remove(() -> order.add("removed after " + queue.drain().size()));
        loop.runUntilIdle();

        assertThat(order).as("nobody notified the device").containsExactly("removed after 5");
        assertThat(device.stops()).isEqualTo(1);
    }

    @Test
    void nothingIsServedAfterwards() {
        transport.remove(() -> order.add("removed"));
        loop.runUntilIdle();
        offer();
        queue.kick();
        driver.notifyQueue(0);
        driver.status(0);
        driver.status(VirtioDriver.ACKNOWLEDGE | VirtioDriver.DRIVER);
        driver.driverOk();
        loop.runUntilIdle();

        assertThat(queue.drain()).isEmpty();
        assertThat(device.starts()).as("it does not come back").isEqualTo(1);
        assertThat(order).containsExactly("removed");
    }

    @Test
    void buffersTheDeviceStillHoldsDoNotHoldTheRemovalUp() {
        device.hold();
        for (int i = 0; i < 5; i++) {
            offer();
        }
        transport.remove(() -> order.add("removed"));
        loop.runUntilIdle();
        assertThat(order).containsExactly("removed");
        assertThat(device.held()).as("they are forgotten").isZero();
    }
}
