package nestor.machine.pc;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import nestor.vmm.time.ManualClock;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** MC146818A data sheet. */
class CmosRtcTest {
    private static final long SECOND = 1_000_000_000L;
    private static final int A = 10;
    private static final int B = 11;
    private static final int C = 12;

    private final ManualClock clock = new ManualClock();
    private boolean irq;
    private final CmosRtc rtc =
            new CmosRtc(
                    () -> Instant.parse("2031-12-31T23:59:58Z").toEpochMilli(),
                    clock,
                    level -> irq = level);

    private int read(int register) {
        rtc.write(0, 1, register);
        return (int) rtc.read(1, 1);
    }

    private void write(int register, int value) {
        rtc.write(0, 1, register);
        rtc.write(1, 1, value);
    }

    private String time() {
        return "%02x%02x-%02x-%02x %02x:%02x:%02x"
                .formatted(read(0x32), read(9), read(8), read(7), read(4), read(2), read(0));
    }

    @Test
    @DisplayName("time in BCD, with the century where the FADT says")
    void timeGoesOn() {
        assertThat(time()).isEqualTo("2031-12-31 23:59:58");
        assertThat(read(6)).as("Wednesday").isEqualTo(4);
        clock.advance(2 * SECOND);
        assertThat(time()).isEqualTo("2032-01-01 00:00:00");
        assertThat(read(13)).as("valid RAM and time").isEqualTo(0x80);
        assertThat(rtc.read(0, 1)).isEqualTo(0xff);
    }

    @Test
    @DisplayName("binary and twelve-hour formats")
    void formatsFollowRegisterB() {
        write(B, 4);
        assertThat(read(0)).isEqualTo(58);
        assertThat(read(4)).isEqualTo(0x80 | 11);
        clock.advance(2 * SECOND);
        assertThat(read(4)).isEqualTo(12);
    }

    @Test
    @DisplayName("UIP shows for 244 us before each update, but not while SET is")
    void updatesAreAnnounced() {
        assertThat(read(A) & 0x80).isZero();
        clock.advance(SECOND - 200_000);
        assertThat(read(A) & 0x80).isEqualTo(0x80);
        write(B, 0x82);
        assertThat(read(A) & 0x80).isZero();
        assertThat(read(A)).isEqualTo(0x26);
    }

    @Test
    @DisplayName("SET holds the registers still until the time in them counts")
    void theGuestSetsTheTime() {
        write(B, 0x82);
        int[][] set = {{0x32, 0x19}, {9, 0x99}, {8, 2}, {7, 0x28}, {4, 0x12}, {2, 0x34}, {0, 0x56}};
        for (int[] each : set) {
            write(each[0], each[1]);
        }
        clock.advance(5 * SECOND);
        assertThat(time()).isEqualTo("1999-02-28 12:34:56");
        write(B, 2);
        clock.advance(4 * SECOND);
        assertThat(time()).isEqualTo("1999-02-28 12:35:00");
        rtc.reset();
        assertThat(time()).isEqualTo("2031-12-31 23:59:58");
    }

    @Test
    @DisplayName("an alarm with any hour, told by C once")
    void theAlarmInterrupts() {
        write(1, 1);
        write(3, 0);
        write(5, 0xff);
        write(B, 0x22);
        clock.advance(2 * SECOND);
        assertThat(irq).isFalse();
        clock.advance(SECOND);
        assertThat(irq).isTrue();
        assertThat(read(C)).as("the periodic flag, too").isEqualTo(0xf0);
        assertThat(irq).isFalse();
        assertThat(read(C)).isZero();
        clock.advance(3600 * SECOND);
        assertThat(irq).isTrue();
    }

    @Test
    @DisplayName("the periodic interrupt at 1024 Hz waits for C to be read")
    void periodsInterrupt() {
        write(B, 0x42);
        for (int i = 0; i < 3; i++) {
            clock.advance(SECOND / 1024);
            assertThat(irq).isTrue();
            assertThat(read(C) & 0xc0).isEqualTo(0xc0);
            assertThat(irq).isFalse();
        }
        write(A, 0x20);
        clock.advance(SECOND);
        assertThat(irq).isFalse();
    }

    @Test
    @DisplayName("the update-ended interrupt, and its flag without it")
    void updatesInterrupt() {
        clock.advance(SECOND);
        assertThat(read(C)).isEqualTo(0x50);
        write(B, 0x12);
        clock.advance(SECOND);
        assertThat(irq).isTrue();
        assertThat(read(C) & 0x90).isEqualTo(0x90);
    }

    @Test
    void memoryKeepsWhatItIsGiven() {
        write(0x7f, 0x55);
        assertThat(read(0x7f)).isEqualTo(0x55);
        assertThat(read(0x7e)).isZero();
    }
}
