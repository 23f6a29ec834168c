package nestor.vmm.loop;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

class MailboxLoopTest {
    private final AtomicReference<Throwable> escaped = new AtomicReference<>();

    @Test
    void anIdleLoopRunsTheTaskOnItsPoster() {
        try (MailboxLoop loop = loop(4)) {
            List<Thread> ran = new ArrayList<>();

            loop.post(() -> ran.add(Thread.currentThread()));

            assertThat(ran).containsExactly(Thread.currentThread());
            assertThat(loop.inLoop()).isFalse();
        }
    }

    @Test
    void aTaskPostedByATaskRunsAfterIt() {
        try (MailboxLoop loop = loop(4)) {
            List<String> order = new ArrayList<>();

            loop.post(() -> {
                loop.post(() -> order.add("inner"));
                order.add(loop.inLoop() ? "outer" : "not in loop");
            });

            assertThat(order).containsExactly("outer", "inner");
        }
    }

    @Test
    void whatExceedsTheBudgetGoesToTheLoopsOwnThread() throws Exception {
        try (MailboxLoop loop = loop(2)) {
            List<Thread> ran = Collections.synchronizedList(new ArrayList<>());
            CountDownLatch done = new CountDownLatch(4);

            loop.post(() -> {
                for (int i = 0; i < 4; i++) {
                    loop.post(() -> {
                        ran.add(Thread.currentThread());
                        done.countDown();
                    });
                }
            });
            done.await();

            assertThat(ran.getFirst()).isEqualTo(Thread.currentThread());
            assertThat(ran.subList(1, 4)).doesNotContain(Thread.currentThread());
        }
    }

    @Test
    void tasksOfManyPostersNeverOverlapAndNoneIsLost() throws Exception {
        try (MailboxLoop loop = loop(3)) {
            int posters = 4;
            int each = 5_000;
            AtomicInteger inside = new AtomicInteger();
            AtomicInteger overlaps = new AtomicInteger();
            CountDownLatch done = new CountDownLatch(posters * each);
            Runnable task =
                    () -> {
                        if (inside.incrementAndGet() != 1) {
                            overlaps.incrementAndGet();
                        }
                        inside.decrementAndGet();
                        done.countDown();
                    };

            for (int p = 0; p < posters; p++) {
                Thread.ofPlatform()
                        .start(() -> {
                            for (int i = 0; i < each; i++) {
                                loop.post(task);
                            }
                        });
            }
            done.await();

            assertThat(overlaps).hasValue(0);
        }
    }

    @Test
    void anEscapedExceptionIsReportedAndTheLoopGoesOn() {
        try (MailboxLoop loop = loop(4)) {
            AtomicInteger ran = new AtomicInteger();

            loop.post(() -> {
                throw new IllegalStateException("a bug");
            });
            loop.post(ran::incrementAndGet);

            assertThat(escaped.get()).hasMessage("a bug");
            assertThat(ran).hasValue(1);
        }
    }

    private MailboxLoop loop(int budget) {
        return new MailboxLoop("test", budget, (thread, e) -> escaped.set(e));
    }
}
