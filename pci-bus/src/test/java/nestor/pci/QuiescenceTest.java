package nestor.pci;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

class QuiescenceTest {
    private final Quiescence quiescence = new Quiescence();
    private final List<String> done = new ArrayList<>();

    @Test
    void aTaskRunsAtOnceWhenNoDmaIsUnderWay() {
        quiescence.whenQuiescent(() -> done.add("a"));

        assertThat(done).containsExactly("a");
    }

    @Test
    void aTaskWaitsForEveryDmaThatEnteredBefore() {
        long first = quiescence.enter();
        long second = quiescence.enter();
        quiescence.whenQuiescent(() -> done.add("a"));

        quiescence.exit(first);
        assertThat(done).isEmpty();
        quiescence.exit(second);
        assertThat(done).containsExactly("a");
    }

    @Test
    void aTaskDoesNotWaitForDmasThatEnterLater() {
        long before = quiescence.enter();
        quiescence.whenQuiescent(() -> done.add("a"));
        long after = quiescence.enter();

        quiescence.exit(before);

        assertThat(done).containsExactly("a");
        quiescence.exit(after);
    }

    @Test
    void aSecondTaskWaitsForTheDmaTheFirstOneDidNotWaitFor() {
        long before = quiescence.enter();
        quiescence.whenQuiescent(() -> done.add("a"));
        long after = quiescence.enter();
        quiescence.whenQuiescent(() -> done.add("b"));

        quiescence.exit(before);
        assertThat(done).containsExactly("a");
        quiescence.exit(after);
        assertThat(done).containsExactly("a", "b");
    }

    @Test
    void aTaskMayStartAnotherWait() {
        long dma = quiescence.enter();
        quiescence.whenQuiescent(() -> quiescence.whenQuiescent(() -> done.add("inner")));

        quiescence.exit(dma);

        assertThat(done).containsExactly("inner");
    }

    /**
     * Readers use a resource that a writer replaces and, after quiescence, retires. A reader that
     * meets a retired resource has been forgotten by a wait.
     */
    @Test
    void noDmaUsesWhatWasRetiredAfterQuiescence() throws Exception {
        int readers = 3;
        int rounds = 20_000;
        var current = new AtomicReference<>(new AtomicBoolean());
        var stop = new AtomicBoolean();
        var violations = new AtomicInteger();
        try (ExecutorService pool = Executors.newFixedThreadPool(readers)) {
            List<Future<?>> running = new ArrayList<>();
            for (int i = 0; i < readers; i++) {
                running.add(
                        pool.submit(() -> {
                            while (!stop.get()) {
                                long ticket = quiescence.enter();
                                AtomicBoolean retired = current.get();
                                Thread.onSpinWait();
                                if (retired.get()) {
                                    violations.incrementAndGet();
                                }
                                quiescence.exit(ticket);
                            }
                        }));
            }
            for (int round = 0; round < rounds; round++) {
                AtomicBoolean old = current.getAndSet(new AtomicBoolean());
                var quiescent = new CountDownLatch(1);
                quiescence.whenQuiescent(() -> {
                    old.set(true);
                    quiescent.countDown();
                });
                if (round % 2 == 0) { // else the next wait overlaps this one
                    quiescent.await();
                }
            }
            stop.set(true);
            for (Future<?> reader : running) {
                reader.get();
            }
        }

        assertThat(violations).hasValue(0);
    }
}
