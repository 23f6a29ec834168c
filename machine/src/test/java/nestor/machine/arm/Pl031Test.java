package nestor.machine.arm;

import static org.assertj.core.api.Assertions.assertThat;

import nestor.vmm.time.ManualClock;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class Pl031Test {
    private static final long SECOND = 1_000_000_000;
    private final ManualClock clock = new ManualClock();
    private boolean irq;
    private final Pl031 rtc =
            new Pl031(() -> 1_800_000_000 + clock.nanos() / SECOND, clock, level -> irq = level);

    private long read(long offset) {
        return rtc.registers().read(offset, 4);
    }

    private void write(long offset, long value) {
        rtc.registers().write(offset, 4, value);
    }

    @Test
    void tellsTheTimeOfItsSource() {
        assertThat(read(0)).isEqualTo(1_800_000_000L);
        clock.advance(3 * SECOND);
        assertThat(read(0)).isEqualTo(1_800_000_003L);
    }

    @Test
    @DisplayName("§3.3.3: the load register sets the time, reset takes it back")
    void loadedTimeGoesOn() {
        write(0x08, 100);
        clock.advance(SECOND);
        assertThat(read(0)).isEqualTo(101);
        rtc.reset();
        assertThat(read(0)).isEqualTo(1_800_000_001L);
    }

    @Test
    @DisplayName("§3.3.2: the interrupt comes when the counter reaches the match register")
    void alarm() {
        write(0x10, 1);
        write(0x04, read(0) + 5);
        clock.advance(4 * SECOND);
        assertThat(irq).isFalse();
        clock.advance(SECOND);
        assertThat(irq).isTrue();
        assertThat(read(0x18)).isEqualTo(1);
        write(0x1c, 1);
        assertThat(irq).isFalse();
    }
}
