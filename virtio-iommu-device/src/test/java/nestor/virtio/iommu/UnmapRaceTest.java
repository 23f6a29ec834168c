package nestor.virtio.iommu;

import static nestor.virtio.iommu.IommuHarness.ENDPOINT;
import static nestor.virtio.iommu.IommuHarness.READ;
import static nestor.virtio.iommu.IommuHarness.WRITE;
import static nestor.virtio.iommu.IommuHarness.mapBytes;
import static nestor.virtio.iommu.IommuHarness.unmapBytes;
import static nestor.virtio.testkit.DriverQueue.readable;
import static nestor.virtio.testkit.DriverQueue.writable;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import nestor.virtio.testkit.DriverQueue.Used;
import nestor.virtio.testkit.TestMachine;
import nestor.vmm.loop.MailboxLoop;
import org.junit.jupiter.api.Test;

/** The guest's thread maps and unmaps a page while another thread's DMA writes to it. */
class UnmapRaceTest {
    private static final int ROUNDS = 2_000;

    private final AtomicReference<Throwable> escaped = new AtomicReference<>();

    @Test
    void noByteArrivesAfterTheReplyToUnmap() throws InterruptedException {
        try (var loop = new MailboxLoop("iommu", 8, (_, thrown) -> escaped.set(thrown))) {
            var iommu =
                    new IommuHarness(new TestMachine(loop), VirtioIommuConfig.defaults(false), -1L);
            iommu.attach(1, ENDPOINT, 0);
            long page = iommu.machine.allocate(4096);
            long buffers = iommu.machine.allocate(4096);
            var stop = new AtomicBoolean();
            var attempts = new AtomicLong();
            var writer =
                    Thread.ofPlatform()
                            .start(() -> {
                                byte[] ones = new byte[4096];
                                java.util.Arrays.fill(ones, (byte) 1);
                                var data = MemorySegment.ofArray(ones);
                                while (!stop.get()) {
                                    iommu.endpoint
                                            .dma()
                                            .write(iommu.endpoint.requester(), 0x1000, data);
                                    attempts.incrementAndGet();
                                }
                            });
            int late = 0;
            for (int round = 0; round < ROUNDS; round++) {
                spin(iommu, buffers, mapBytes(1, 0x1000, 0x1fff, page, READ | WRITE));
                waitFor(attempts, 1);
                spin(iommu, buffers, unmapBytes(1, 0x1000, 0x1fff));
                iommu.machine.write(page, new byte[4096]);
                waitFor(attempts, 2);
                for (byte b : iommu.machine.read(page, 4096)) {
                    late += b;
                }
            }
            stop.set(true);
            writer.join();
            assertThat(late).isZero();
            assertThat(escaped).hasNullValue();
        }
    }

    /** Spins on the used ring, as Linux does. */
    private static void spin(IommuHarness iommu, long buffers, byte[] request) {
        iommu.machine.write(buffers, request);
        iommu.requests.offer(readable(buffers, request.length), writable(buffers + 1024, 4));
        iommu.driver.notifyQueue(0);
        Optional<Used> back = iommu.requests.poll();
        while (back.isEmpty()) {
            Thread.onSpinWait();
            back = iommu.requests.poll();
        }
        assertThat(iommu.machine.read(buffers + 1024, 1)).containsExactly(0);
    }

    private static void waitFor(AtomicLong counter, int more) {
        long target = counter.get() + more;
        while (counter.get() < target) {
            Thread.onSpinWait();
        }
    }
}
