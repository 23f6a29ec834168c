package nestor.vmm.time;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class ManualClockTest {
    private final ManualClock clock = new ManualClock();
    private final List<String> log = new ArrayList<>();

    @Test
    void timersExpireInOrderEachAtItsOwnDeadline() {
        clock.newTimer(() -> log.add("b@" + clock.nanos())).arm(20);
        clock.newTimer(() -> log.add("a@" + clock.nanos())).arm(10);

        clock.advance(30);

        assertThat(log).containsExactly("a@10", "b@20");
        assertThat(clock.nanos()).isEqualTo(30);
    }

    @Test
    void anotherArmReplacesTheFirstAndCancelEndsIt() {
        Clock.Timer moved = clock.newTimer(() -> log.add("moved"));
        Clock.Timer cancelled = clock.newTimer(() -> log.add("cancelled"));
        moved.arm(5);
        moved.arm(50);
        cancelled.arm(5);
        cancelled.cancel();

        clock.advance(10);
        assertThat(log).isEmpty();
        clock.advance(40);
        assertThat(log).containsExactly("moved");
    }
}
