package nestor.vmm.time;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class HostClockTest {
    private final CopyOnWriteArrayList<Throwable> escaped = new CopyOnWriteArrayList<>();
    private final HostClock clock = new HostClock((_, e) -> escaped.add(e));
    private final BlockingQueue<Long> expiries = new LinkedBlockingQueue<>();

    @AfterEach
    void close() {
        clock.close();
        assertThat(escaped).isEmpty();
    }

    @Test
    void aPausedClockStandsStillAndGoesOnFromThere() {
        clock.pause();
        long at = clock.nanos();
        clock.pause();
        assertThat(clock.nanos()).isEqualTo(at);
        clock.resume();
        while (clock.nanos() == at) {
            Thread.onSpinWait();
        }
        assertThat(clock.nanos()).isGreaterThan(at);
    }

    @Test
    void aTimerThatIsDueWhileTheClockStandsExpiresOnceItGoesOn() throws InterruptedException {
        Clock.Timer due = clock.newTimer(() -> expiries.add(clock.nanos()));
        clock.pause();
        long deadline = clock.nanos();
        due.arm(deadline);
        // A second clock's timer, armed later: the first had its chance.
        try (HostClock other = new HostClock((_, e) -> escaped.add(e))) {
            BlockingQueue<Long> passed = new LinkedBlockingQueue<>();
            other.newTimer(() -> passed.add(0L)).arm(other.nanos() + 1_000_000);
            assertThat(passed.poll(2, TimeUnit.MINUTES)).isNotNull();
        }
        assertThat(expiries).isEmpty();
        clock.resume();
        assertThat(expiries.poll(2, TimeUnit.MINUTES)).isGreaterThanOrEqualTo(deadline);
        assertThat(expiries).isEmpty();
    }

    @Test
    void aTimerCancelledWhileTheClockStandsDoesNotExpire() throws InterruptedException {
        Clock.Timer cancelled = clock.newTimer(() -> expiries.add(-1L));
        Clock.Timer next = clock.newTimer(() -> expiries.add(1L));
        clock.pause();
        cancelled.arm(0);
        cancelled.cancel();
        next.arm(clock.nanos() + 1_000_000);
        clock.resume();
        assertThat(expiries.poll(2, TimeUnit.MINUTES)).isEqualTo(1);
        assertThat(expiries).isEmpty();
    }
}
