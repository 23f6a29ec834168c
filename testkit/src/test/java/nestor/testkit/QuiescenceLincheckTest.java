package nestor.testkit;

import java.util.concurrent.atomic.AtomicInteger;
import nestor.pci.Quiescence;
import org.jetbrains.lincheck.Lincheck;
import org.junit.jupiter.api.Test;

/** All interleavings, up to a number of context switches, of DMAs with those who wait for them. */
class QuiescenceLincheckTest {
    private static final int INTERLEAVINGS = 1_500;

    private static final class World {
        final Quiescence quiescence = new Quiescence();
        volatile boolean entered;
        volatile boolean leaving;
        final AtomicInteger ran = new AtomicInteger();
        volatile boolean tooEarly;

        void dma() {
            long ticket = quiescence.enter();
            entered = true;
            leaving = true;
            quiescence.exit(ticket);
        }

        void await() {
            boolean underWay = entered;
            quiescence.whenQuiescent(() -> {
                ran.incrementAndGet();
                if (underWay && !leaving) {
                    tooEarly = true;
                }
            });
        }

        void check(int waiters) {
            if (tooEarly) {
                throw new AssertionError("a waiter ran while an earlier DMA was under way");
            }
            if (ran.get() != waiters) {
                throw new AssertionError(ran + " of " + waiters + " waiters ran");
            }
        }
    }

    private static void together(Runnable first, Runnable second) {
        Thread other = new Thread(second);
        other.start();
        first.run();
        try {
            other.join();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void aWaiterRunsOnceAndNotBeforeAnEarlierDmaHasLeft() {
        Lincheck.runConcurrentTest(
                INTERLEAVINGS,
                () -> {
                    var world = new World();
                    together(world::dma, world::await);
                    world.check(1);
                });
    }

    @Test
    void noWaiterIsForgottenWhenASecondOneComes() {
        Lincheck.runConcurrentTest(
                INTERLEAVINGS,
                () -> {
                    var world = new World();
                    together(
                            world::dma,
                            () -> {
                                world.await();
                                world.await();
                            });
                    world.check(2);
                });
    }
}
