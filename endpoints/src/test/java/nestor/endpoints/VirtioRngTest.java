package nestor.endpoints;

import static nestor.virtio.testkit.DriverQueue.readable;
import static nestor.virtio.testkit.DriverQueue.writable;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.Random;
import nestor.virtio.pci.VirtioPci;
import nestor.virtio.testkit.DriverQueue;
import nestor.virtio.testkit.TestMachine;
import nestor.virtio.testkit.VirtioDriver;
import org.junit.jupiter.api.Test;

class VirtioRngTest {
    private final TestMachine machine = new TestMachine();
    private final long buffer = machine.allocate(1 << 16);

    private DriverQueue start() {
        VirtioDriver driver =
                machine.plug(1, new VirtioRng(new Random(7)), VirtioPci.Access.PLATFORM);
        driver.negotiate();
        DriverQueue queue = driver.queue(0, 8);
        driver.driverOk();
        return queue;
    }

    @Test
    void buffersAreFilledFromTheSource() {
        byte[] stream = new byte[VirtioRng.MAX_BYTES];
        new Random(7).nextBytes(stream);

        assertThat(start().request(writable(buffer, 64), writable(buffer + 100, 36)))
                .isEqualTo(100);
        assertThat(machine.read(buffer, 64)).isEqualTo(Arrays.copyOf(stream, 64));
        assertThat(machine.read(buffer + 100, 36)).isEqualTo(Arrays.copyOfRange(stream, 64, 100));
    }

    @Test
    void aBufferGetsABoundedNumberOfBytes() {
        assertThat(start().request(writable(buffer, 1 << 16))).isEqualTo(VirtioRng.MAX_BYTES);
    }

    @Test
    void aBufferWithoutRoomIsReturned() {
        assertThat(start().request(readable(buffer, 16))).isZero();
    }
}
