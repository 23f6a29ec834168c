package nestor.control.web;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class AnswerThreadTest {
    private final AtomicLong now = new AtomicLong();
    private final List<Long> delays = new ArrayList<>();

    /** Runs at once what it is given, and remembers after how long that was to be. */
    private final ScheduledThreadPoolExecutor immediate =
            new ScheduledThreadPoolExecutor(1) {
                @Override
                public ScheduledFuture<?> schedule(Runnable task, long delay, TimeUnit unit) {
                    delays.add(delay);
                    return super.schedule(task, 0, unit);
                }
            };

    private static void awaitQuietly(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Test
    void itRestsThreeTimesAsLongAsItWorked() throws InterruptedException {
        AnswerThread thread = new AnswerThread(immediate, now::get);
        CountDownLatch all = new CountDownLatch(1);
        CountDownLatch done = new CountDownLatch(3);
        immediate.execute(() -> awaitQuietly(all));
        for (long took : List.of(1_000_000L, 2_000_000L, 5_000_000_000L)) {
            thread.execute(() -> {
                now.addAndGet(took);
                done.countDown();
            });
        }
        all.countDown();
        done.await();
        CountDownLatch idle = new CountDownLatch(1);
        immediate.execute(idle::countDown);
        idle.await();
        thread.close();
        assertThat(delays).containsSubsequence(3_000_000L, 6_000_000L, AnswerThread.MAX_REST_NANOS);
    }

    @Test
    void whatComesAfterTheEndIsRefused() {
        AnswerThread thread =
                new AnswerThread(Executors.newSingleThreadScheduledExecutor(), System::nanoTime);
        thread.close();
        assertThatThrownBy(() -> thread.execute(() -> {}))
                .isInstanceOf(RejectedExecutionException.class);
    }
}
