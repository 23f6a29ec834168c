package nestor.machine.pc;

import static org.assertj.core.api.Assertions.assertThat;

import nestor.vmm.time.ManualClock;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** ACPI 6.4 §4.8.3. */
class PowerManagementTest {
    private static final long SECOND = 1_000_000_000L;

    private final ManualClock clock = new ManualClock();
    private boolean sci;
    private int turnedOff;
    private final PowerManagement pm =
            new PowerManagement(clock, level -> sci = level, () -> turnedOff++);

    @Test
    @DisplayName("§4.8.3.3: the timer counts at 3.579545 MHz, 32 bits")
    void theTimerCounts() {
        assertThat(pm.read(8, 4)).isZero();
        clock.advance(10 * SECOND);
        assertThat(pm.read(8, 4)).isEqualTo(35_795_450);
        clock.advance(1190 * SECOND);
        assertThat(pm.read(8, 4) & 0xffff_ffffL).isEqualTo(1200L * 3_579_545 & 0xffff_ffffL);
    }

    @Test
    @DisplayName("§4.8.3.1.1: TMR_STS is set as the highest bit changes, and interrupts if enabled")
    void theCarryInterrupts() {
        pm.write(2, 2, 1);
        clock.advance(599 * SECOND);
        assertThat(sci).isFalse();
        clock.advance(SECOND);
        assertThat(sci).isTrue();
        assertThat(pm.read(0, 2) & 0xffff).isEqualTo(1);
        pm.write(0, 2, 1);
        assertThat(sci).isFalse();
        clock.advance(600 * SECOND);
        assertThat(sci).isTrue();
        pm.write(2, 2, 0);
        assertThat(sci).isFalse();
        assertThat(pm.read(0, 4)).isEqualTo(1);
    }

    @Test
    @DisplayName("§4.8.3.2.1: SCI_EN is stuck at 1; SLP_EN with S5 turns the machine off")
    void softOff() {
        assertThat(pm.read(4, 2)).isEqualTo(1);
        pm.write(4, 2, 5 << 10);
        assertThat(turnedOff).isZero();
        assertThat(pm.read(4, 2)).isEqualTo(5 << 10 | 1);
        pm.write(4, 2, 3 << 10 | 1 << 13);
        assertThat(turnedOff).as("a sleep state that is not there").isZero();
        pm.write(4, 2, 5 << 10 | 1 << 13);
        assertThat(turnedOff).isEqualTo(1);
        pm.write(5, 1, 0x34);
        assertThat(turnedOff).isEqualTo(2);
    }

    @Test
    @DisplayName("§4.8.2.2.1.1: the power button sets PWRBTN_STS, and interrupts if enabled")
    void thePowerButtonInterrupts() {
        pm.pressPowerButton();
        assertThat(sci).isFalse();
        assertThat(pm.read(0, 2) & 0xffff).isEqualTo(1 << 8);
        pm.write(2, 2, 1 << 8);
        assertThat(sci).isTrue();
        pm.write(0, 2, 1);
        assertThat(sci).as("another status bit is cleared").isTrue();
        pm.write(1, 1, 1);
        assertThat(sci).isFalse();
        pm.pressPowerButton();
        assertThat(sci).isTrue();
        pm.reset();
        assertThat(sci).isFalse();
        assertThat(pm.read(0, 4)).isZero();
    }

    @Test
    @DisplayName("§4.8.3.1.2: RTC_EN holds what is written; the clock has no wake status")
    void theClocksEventCanBeEnabled() {
        pm.write(2, 2, 1 << 10);
        assertThat(pm.read(2, 2)).isEqualTo(1 << 10);
        assertThat(sci).isFalse();
    }

    @Test
    void resetDisablesTheEvents() {
        clock.advance(601 * SECOND);
        pm.write(2, 2, 1);
        assertThat(sci).isTrue();
        pm.reset();
        assertThat(sci).isFalse();
        assertThat(pm.read(0, 4)).isZero();
    }
}
