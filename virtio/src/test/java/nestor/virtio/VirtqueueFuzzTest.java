package nestor.virtio;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.util.Arrays;
import nestor.virtio.pci.VirtioPci;
import nestor.virtio.testkit.DriverQueue;
import nestor.virtio.testkit.EchoDevice;
import nestor.virtio.testkit.TestMachine;
import nestor.virtio.testkit.VirtioDriver;

/**
 * Rings and tables of any content. Input: a byte of features, then the 16 descriptors, then the
 * available ring; what follows lies at the start of RAM, where descriptors may point.
 */
class VirtqueueFuzzTest {
    private static final int SIZE = 16;
    private static final int TABLE_BYTES = 16 * SIZE;
    private static final int AVAILABLE_BYTES = 6 + 2 * SIZE;

    @FuzzTest(maxDuration = "10m")
    void anyRingIsServedWithoutAnException(byte[] input) {
        byte[] bytes = Arrays.copyOf(input, Math.max(input.length, 1 + TABLE_BYTES));
        try (var machine = new TestMachine()) {
            serve(machine, bytes);
        }
    }

    private static void serve(TestMachine machine, byte[] bytes) {
        long scratch = machine.allocate(1 << 16);
        VirtioDriver driver = machine.plug(1, new EchoDevice(), VirtioPci.Access.DIRECT);
        long features =
                ((bytes[0] & 1) != 0 ? VirtioDriver.EVENT_IDX : 0)
                        | ((bytes[0] & 2) != 0 ? VirtioDriver.INDIRECT_DESC : 0);
        driver.negotiate(VirtioDriver.VERSION_1 | features);
        DriverQueue queue = driver.queue(0, SIZE);
        driver.driverOk();
        int tableEnd = 1 + TABLE_BYTES;
        int ringEnd = Math.min(tableEnd + AVAILABLE_BYTES, bytes.length);
        int end = Math.min(ringEnd + (1 << 16), bytes.length);
        machine.write(queue.descriptors(), Arrays.copyOfRange(bytes, 1, tableEnd));
        machine.write(queue.available(), Arrays.copyOfRange(bytes, tableEnd, ringEnd));
        machine.write(scratch, Arrays.copyOfRange(bytes, ringEnd, end));
        queue.kick();

        driver.reset();
        if (driver.status() != 0) {
            throw new AssertionError("the device did not come out of reset");
        }
    }
}
