package nestor.virtio;

import static nestor.virtio.testkit.DriverQueue.INDIRECT;
import static nestor.virtio.testkit.DriverQueue.NEXT;
import static nestor.virtio.testkit.DriverQueue.WRITE;
import static nestor.virtio.testkit.DriverQueue.readable;
import static nestor.virtio.testkit.DriverQueue.writable;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordingFile;
import nestor.virtio.pci.VirtioPci;
import nestor.virtio.testkit.DriverQueue;
import nestor.virtio.testkit.DriverQueue.Part;
import nestor.virtio.testkit.DriverQueue.Used;
import nestor.virtio.testkit.EchoDevice;
import nestor.virtio.testkit.TestMachine;
import nestor.virtio.testkit.VirtioDriver;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class VirtqueueTest {
    private static final byte[] HELLO = {'h', 'e', 'l', 'l', 'o', '!'};

    private final TestMachine machine = new TestMachine();
    private final EchoDevice device = new EchoDevice();
    private final VirtioDriver driver = machine.plug(1, device, VirtioPci.Access.DIRECT);
    private final long in = machine.allocate(1 << 17);
    private final long out = machine.allocate(1 << 17);

    private DriverQueue start(int size, long features) {
        driver.negotiate(features);
        DriverQueue queue = driver.queue(0, size);
        driver.driverOk();
        return queue;
    }

    private DriverQueue start() {
        return start(16, driver.offered());
    }

    @Test
    void aBufferIsReadAndWrittenAndReturnedWithItsLength() {
        DriverQueue queue = start();
        machine.write(in, HELLO);

        assertThat(queue.request(readable(in, 6), writable(out, 100))).isEqualTo(6);
        assertThat(machine.read(out, 6)).isEqualTo(HELLO);
        assertThat(machine.messages()).containsExactly(new TestMachine.Message(driver.rid(), 1));
    }

    @Test
    @DisplayName("§2.7.4: a device makes no assumption about how a buffer is framed")
    void framingDoesNotMatter() {
        DriverQueue queue = start(16, driver.offered());
        machine.write(in, HELLO);
        Part[] bytewise =
                Stream.concat(
                                IntStream.range(0, 6).mapToObj(i -> readable(in + i, 1)),
                                IntStream.range(0, 6).mapToObj(i -> writable(out + 2L * i, 1)))
                        .toArray(Part[]::new);

        assertThat(queue.request(bytewise)).isEqualTo(6);
        assertThat(machine.read(out, 12))
                .containsExactly('h', 0, 'e', 0, 'l', 0, 'l', 0, 'o', 0, '!', 0);
    }

    @Test
    @DisplayName("§2.7.5.3: an indirect table, alone or at the end of a chain")
    void indirectTablesAreFollowed() {
        DriverQueue queue = start();
        machine.write(in, HELLO);
        queue.offerIndirect(readable(in, 2), readable(in + 2, 4), writable(out, 6));
        queue.kick();
        assertThat(queue.drain()).extracting(Used::length).containsExactly(6);

        long table = machine.allocate(16);
        queue.descriptorAt(table, out + 8, 6, WRITE, 0);
        queue.descriptor(8, in, 6, NEXT, 9);
        queue.descriptor(9, table, 16, INDIRECT | WRITE, 0);
        queue.makeAvailable(8);
        queue.kick();
        assertThat(queue.drain()).containsExactly(new Used(8, 6));
        assertThat(machine.read(out + 8, 6)).isEqualTo(HELLO);
    }

    @Test
    void aDescriptorOfLengthZeroHoldsNoBytes() {
        DriverQueue queue = start();
        machine.write(in, HELLO);

        assertThat(
                        queue.request(
                                readable(in, 0), readable(in, 6), writable(0, 0), writable(out, 9)))
                .isEqualTo(6);
    }

    static Stream<List<long[]>> malformedChains() {
        long ram = TestMachine.RAM + (48L << 20);
        return Stream.of(
                List.of(new long[] {ram, 8, NEXT, 0}), // links to itself
                List.of(new long[] {ram, 8, NEXT, 1}, new long[] {ram, 8, NEXT, 0}), // a cycle
                List.of(new long[] {ram, 8, NEXT, 99}), // next outside the table
                List.of(new long[] {ram, 8, WRITE | NEXT, 1}, new long[] {ram, 8, 0, 0}),
                List.of(new long[] {-4, 8, 0, 0}), // wraps around
                List.of(new long[] {ram, 16, INDIRECT | NEXT, 1}, new long[] {ram, 8, 0, 0}),
                List.of(new long[] {ram, 0, INDIRECT, 0}),
                List.of(new long[] {ram, 17, INDIRECT, 0}),
                List.of(new long[] {0x10, 16, INDIRECT, 0}), // table in no memory
                List.of(
                        new long[] {0, 0xffff_fff0L, NEXT, 1},
                        new long[] {0, 0xffff_fff0L, 0, 0})); // more than 2^32 bytes
    }

    @ParameterizedTest
    @MethodSource("malformedChains")
    @DisplayName("§2.7.5: a malformed chain goes back with length 0 and the queue goes on")
    void malformedChainsAreReturned(List<long[]> chain) {
        DriverQueue queue = start();
        for (int i = 0; i < chain.size(); i++) {
            long[] d = chain.get(i);
            queue.descriptor(i, d[0], d[1], (int) d[2], (int) d[3]);
        }
        queue.makeAvailable(0);
        queue.kick();
        assertThat(queue.drain()).containsExactly(new Used(0, 0));

        queue.descriptor(0, in, 6, NEXT, 1);
        queue.descriptor(1, out, 6, WRITE, 0);
        queue.makeAvailable(0);
        queue.kick();
        assertThat(queue.drain()).containsExactly(new Used(0, 6));
        assertThat(driver.status() & VirtioDriver.NEEDS_RESET).isZero();
    }

    @Test
    void malformedIndirectTablesAreReturned() {
        DriverQueue queue = start();
        long table = machine.allocate(64);
        int[][] tables = {
            {INDIRECT, 0}, // indirect in indirect
            {NEXT, 0}, // links to itself
            {NEXT, 5}, // outside the table
        };
        for (int[] first : tables) {
            queue.descriptorAt(table, in, 8, first[0], first[1]);
            queue.descriptor(3, table, 64, INDIRECT, 0);
            queue.makeAvailable(3);
            queue.kick();
            assertThat(queue.drain()).containsExactly(new Used(3, 0));
        }
    }

    @Test
    @DisplayName("§2.7.5.3.1: no INDIRECT without VIRTIO_F_INDIRECT_DESC")
    void indirectNeedsItsFeature() {
        DriverQueue queue = start(16, VirtioDriver.VERSION_1);
        queue.offerIndirect(readable(in, 2), writable(out, 2));
        queue.kick();
        assertThat(queue.drain()).extracting(Used::length).containsExactly(0);
    }

    @Test
    void aBufferThatCannotBeReachedIsTheDevicesBusiness() {
        DriverQueue queue = start();

        assertThat(queue.request(readable(0x10, 4), writable(out, 4))).isZero();
        assertThat(queue.request(readable(in, 4), writable(out, 4))).isEqualTo(4);
    }

    @Test
    @DisplayName("§2.1.1: rings that make no sense need a reset, and the driver is told")
    void brokenRingsNeedAReset() {
        DriverQueue queue = start();
        queue.makeAvailable(16); // no such descriptor
        queue.kick();

        assertThat(driver.status() & VirtioDriver.NEEDS_RESET).isNotZero();
        assertThat(machine.messages()).containsExactly(new TestMachine.Message(driver.rid(), 0));
        assertThat(driver.isr()).isEqualTo(2);

        driver.reset();
        assertThat(driver.status()).isZero();
        queue = start();
        assertThat(queue.request(readable(in, 4), writable(out, 4))).isEqualTo(4);
    }

    @Test
    @DisplayName("§2.7.5, §2.7.6: what a driver must not put into a ring is recorded")
    void aMisusedRingIsRecorded(@TempDir Path folder) throws IOException {
        try (Recording recording = new Recording()) {
            recording.enable("virtqueue_misuse");
            recording.start();
            DriverQueue queue = start();
            queue.request(readable(in, 4), writable(out, 4));
            queue.makeAvailable(16); // no such descriptor
            queue.kick();
            driver.reset();
            queue = start();
            queue.availableIndex(17);
            queue.kick();
            recording.stop();
            recording.dump(folder.resolve("misuse.jfr"));
        }
        assertThat(RecordingFile.readAllEvents(folder.resolve("misuse.jfr")))
                .extracting(event -> event.getString("rule"))
                .containsExactly(
                        "an entry of the available ring is no descriptor",
                        "the available index is further ahead than the queue is long");
    }

    @Test
    void anAvailableIndexThatRunsAheadNeedsAReset() {
        DriverQueue queue = start();
        queue.availableIndex(17);
        queue.kick();

        assertThat(driver.status() & VirtioDriver.NEEDS_RESET).isNotZero();
        assertThat(queue.drain()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 4, 8, 16, 32, 64, 128})
    void everyQueueSizeFillsToTheBrimAndWraps(int size) {
        DriverQueue queue = start(size, driver.offered());
        machine.write(in, HELLO);
        int taken = 0;
        int returned = 0;
        for (int round = 0; round < 5; round++) {
            while (queue.free() > 0) {
                queue.offerIndirect(readable(in, 6), writable(out, 6));
                taken++;
            }
            queue.kick();
            List<Used> back = queue.drain();
            assertThat(back).extracting(Used::length).containsOnly(6);
            returned += back.size();
        }
        assertThat(returned).isEqualTo(taken).isEqualTo(5 * size);
    }

    @Test
    void theIndexWrapsAt65536() {
        DriverQueue queue = start(128, driver.offered());
        for (int round = 0; round < 70_000 / 64; round++) {
            for (int i = 0; i < 64; i++) {
                queue.offer(readable(in, 1), writable(out, 1));
            }
            queue.kick();
            assertThat(queue.drain()).hasSize(64);
        }
    }

    @Test
    void moreThanOneBudgetIsServedByReposting() {
        DriverQueue queue = start(128, VirtioDriver.VERSION_1);
        for (int i = 0; i < 128; i++) {
            queue.offer(writable(out, 1));
        }
        queue.kick();

        assertThat(queue.drain()).hasSize(128);
        assertThat(queue.usedFlags()).describedAs("notifications are wanted again").isZero();
    }

    @Test
    @DisplayName("§2.7.7: without EVENT_IDX, avail.flags suppress interrupts")
    void noInterruptFlagIsHonoured() {
        DriverQueue queue = start(16, VirtioDriver.VERSION_1);
        queue.availableFlags(1);
        queue.request(readable(in, 1), writable(out, 1));
        assertThat(machine.messages()).isEmpty();

        queue.availableFlags(0);
        queue.request(readable(in, 1), writable(out, 1));
        assertThat(machine.messages()).hasSize(1);
    }

    @Test
    @DisplayName("§2.7.7.2: with EVENT_IDX, an interrupt exactly when used_event is passed")
    void usedEventIsHonoured() {
        DriverQueue queue = start();
        queue.availableFlags(1); // must be ignored
        queue.usedEvent(2);
        for (int i = 0; i < 5; i++) {
            queue.request(readable(in, 1), writable(out, 1));
            assertThat(machine.messages()).hasSize(i >= 2 ? 1 : 0);
        }
        queue.usedEvent(6); // 5 are done; 6 is the second of the next three
        for (int i = 0; i < 3; i++) {
            queue.offer(readable(in, 1), writable(out, 1));
        }
        queue.kick();
        assertThat(machine.messages()).hasSize(2);
    }

    @Test
    @DisplayName("§2.7.10: a driver that heeds avail_event never waits in vain")
    void availableEventNeverLosesABuffer() {
        long seed = Long.getLong("nestor.seed", System.nanoTime());
        System.out.println("VirtqueueTest seed " + seed);
        var random = new SplittableRandom(seed);
        DriverQueue queue = start(16, driver.offered());
        int offered = 0;
        int returned = 0;
        for (int step = 0; step < 5_000; step++) {
            if (random.nextInt(3) > 0 && queue.free() >= 2) {
                queue.offer(readable(in, 1), writable(out, 1));
                offered++;
            }
            if (queue.wantsNotification()) {
                driver.notifyQueue(0);
            }
            if (random.nextBoolean()) {
                machine.run();
            }
            returned += queue.drain().size();
        }
        machine.run();
        returned += queue.drain().size();
        assertThat(returned).isEqualTo(offered);
    }

    @Test
    void headsTakenAreHeadsReturnedWhateverTheTableHolds() {
        long seed = Long.getLong("nestor.seed", System.nanoTime());
        System.out.println("VirtqueueTest seed " + seed);
        var random = new SplittableRandom(seed);
        DriverQueue queue = start(16, driver.offered());
        int offered = 0;
        int returned = 0;
        for (int step = 0; step < 1_500; step++) {
            for (int i = 0; i < 16; i++) {
                queue.descriptor(
                        i,
                        TestMachine.RAM + random.nextLong(-100, TestMachine.RAM_BYTES + 100),
                        random.nextInt(5) == 0 ? random.nextLong(1L << 32) : random.nextInt(64),
                        random.nextInt(3) == 0 ? random.nextInt(8) : random.nextInt(2),
                        random.nextInt(18));
            }
            queue.makeAvailable(random.nextInt(16));
            offered++;
            // What the device writes lands anywhere in RAM but must leave the rings alone here.
            byte[] rings = machine.read(queue.descriptors(), 0x3000);
            queue.kick();
            returned += queue.drain().size();
            if ((driver.status() & VirtioDriver.NEEDS_RESET) != 0) {
                machine.write(queue.descriptors(), rings);
                driver.reset();
                queue = start(16, driver.offered());
                offered = returned;
            }
        }
        assertThat(returned).isEqualTo(offered);
    }
}
