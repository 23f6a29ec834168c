package nestor.endpoints;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static nestor.virtio.testkit.DriverQueue.readable;
import static nestor.virtio.testkit.DriverQueue.writable;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import nestor.virtio.pci.VirtioPci;
import nestor.virtio.testkit.DriverQueue;
import nestor.virtio.testkit.DriverQueue.Used;
import nestor.virtio.testkit.TestMachine;
import nestor.virtio.testkit.VirtioDriver;
import nestor.vmm.chardev.CharBackend;
import nestor.vmm.chardev.CharFrontend;
import org.junit.jupiter.api.Test;

class VirtioConsoleTest {
    private static final class Host implements CharBackend {
        final ByteArrayOutputStream output = new ByteArrayOutputStream();
        int resumed;

        @Override
        public void write(byte[] data, int offset, int length) {
            output.write(data, offset, length);
        }

        @Override
        public void connect(CharFrontend frontend) {}

        @Override
        public void resume() {
            resumed++;
        }
    }

    private final TestMachine machine = new TestMachine();
    private final Host host = new Host();
    private final VirtioConsole console = new VirtioConsole(host);
    private final VirtioDriver driver = machine.plug(1, console, VirtioPci.Access.DIRECT);
    private final long buffer = machine.allocate(1 << 20);
    private DriverQueue receive = start();
    private DriverQueue transmit = driver.queue(1, 16);

    private DriverQueue start() {
        driver.negotiate();
        DriverQueue queue = driver.queue(0, 16);
        driver.driverOk();
        return queue;
    }

    private int type(String text) {
        int taken = console.receive(text.getBytes(US_ASCII), 0, text.length());
        machine.run();
        return taken;
    }

    @Test
    void outputReachesTheHost() {
        machine.run();
        machine.write(buffer, "hello, host".getBytes(US_ASCII));
        transmit.request(readable(buffer, 5), readable(buffer + 5, 6));
        assertThat(host.output.toString(US_ASCII)).isEqualTo("hello, host");
    }

    @Test
    void aHugeBufferIsTakenInParts() {
        machine.run();
        byte[] text = new byte[1 << 20];
        new java.util.SplittableRandom(3).nextBytes(text);
        machine.write(buffer, text);
        transmit.request(readable(buffer, text.length));
        assertThat(host.output.toByteArray()).isEqualTo(text);
    }

    @Test
    void inputFillsBuffersAsTheyCome() {
        receive.offer(writable(buffer, 3));
        receive.kick();
        assertThat(receive.drain()).describedAs("nothing typed yet").isEmpty();
        assertThat(type("abcd")).isEqualTo(4);
        assertThat(receive.drain()).extracting(Used::length).containsExactly(3);
        receive.offer(writable(buffer + 3, 8));
        receive.kick();
        assertThat(receive.drain()).extracting(Used::length).containsExactly(1);
        assertThat(new String(machine.read(buffer, 4), US_ASCII)).isEqualTo("abcd");
    }

    @Test
    void inputThatDoesNotFitStaysWithTheHost() {
        assertThat(type("x".repeat(5000))).isEqualTo(4096);
        assertThat(type("y")).isZero();
        assertThat(host.resumed).isZero();
        receive.offer(writable(buffer, 100));
        receive.kick();
        assertThat(host.resumed).isEqualTo(1);
        assertThat(type("z".repeat(200))).isEqualTo(100);
    }

    @Test
    void inputBeforeTheDriverIsKept() {
        driver.reset();
        assertThat(type("early")).isEqualTo(5);
        receive = start();
        receive.offer(writable(buffer, 10));
        receive.kick();
        assertThat(receive.drain()).extracting(Used::length).containsExactly(5);
    }

    @Test
    void buffersWithoutRoomAreReturnedAndLoseNothing() {
        receive.offer(readable(buffer, 4));
        receive.offer(writable(buffer, 10));
        type("abc");
        assertThat(receive.drain()).extracting(Used::length).containsExactly(0, 3);
    }
}
