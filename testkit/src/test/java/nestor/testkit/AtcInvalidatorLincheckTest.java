package nestor.testkit;

import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import nestor.iommu.AtcInvalidator;
import nestor.iommu.AtsRoute;
import nestor.pci.AtsEndpoint;
import nestor.pci.InvalidateRequest;
import nestor.pci.PageResponse;
import nestor.vmm.time.ManualClock;
import org.jetbrains.lincheck.Lincheck;
import org.junit.jupiter.api.Test;

/** All interleavings, up to a number of context switches, of sending with completing. */
class AtcInvalidatorLincheckTest {
    private static final int INTERLEAVINGS = 500;
    private static final int RID = 0x18;

    /** Takes one request at a time; completes when told. */
    private static final class World implements AtsRoute, AtsEndpoint {
        final AtcInvalidator invalidator =
                new AtcInvalidator(this, new ManualClock(), AtcInvalidator.TIMEOUT_NANOS);
        final Queue<Runnable> completions = new ConcurrentLinkedQueue<>();
        final AtomicInteger sent = new AtomicInteger();
        final AtomicInteger drained = new AtomicInteger();

        @Override
        public Optional<AtsEndpoint> endpoint(int rid) {
            return Optional.of(this);
        }

        @Override
        public int invalidateQueueDepth(int rid) {
            return 1;
        }

        @Override
        public void invalidate(InvalidateRequest request, Runnable complete) {
            sent.incrementAndGet();
            completions.add(complete);
        }

        @Override
        public void pageResponse(PageResponse response) {}

        @Override
        public void disabled() {}

        void send() {
            invalidator.send(RID, 1, false, 0x1000, 12);
        }

        void completeOne() {
            Runnable complete = completions.poll();
            if (complete != null) {
                complete.run();
            }
        }
    }

    private static void race() {
        var world = new World();
        Thread device = new Thread(world::completeOne);
        world.send();
        device.start();
        world.send();
        world.invalidator.whenDrained(_ -> true, _ -> world.drained.incrementAndGet());
        try {
            device.join();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
        while (!world.completions.isEmpty()) {
            if (world.drained.get() > 0) {
                throw new AssertionError("drained with a request outstanding");
            }
            world.completeOne();
        }
        if (world.sent.get() != 2 || world.drained.get() != 1) {
            throw new AssertionError(
                    "%d sent, %d drained".formatted(world.sent.get(), world.drained.get()));
        }
    }

    @Test
    void everyRequestIsSentAndTheDrainEndsOnce() {
        Lincheck.runConcurrentTest(INTERLEAVINGS, AtcInvalidatorLincheckTest::race);
    }
}
