package nestor.cpu.x86;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("SDM volume 3A, chapter 11: the local APIC")
class LocalApicTest {
    private static final long PAGE = LocalApic.DEFAULT_BASE;
    private static final int TPR = 0x80;
    private static final int PPR = 0xa0;
    private static final int EOI = 0xb0;
    private static final int LDR = 0xd0;
    private static final int DFR = 0xe0;
    private static final int SVR = 0xf0;
    private static final int ICR = 0x300;
    private static final int X2APIC_ENABLED = 0xc00;

    private final TestGuest guest = new TestGuest();
    private final X86Cpu cpu = guest.cpu;
    private final LocalApic apic = cpu.apic;

    @AfterEach
    void close() {
        guest.close();
    }

    private void write(int offset, long value) {
        apic.writeMmio(PAGE + offset, 4, value);
    }

    private long read(int offset) {
        return apic.readMmio(PAGE + offset, 4);
    }

    private void enable() {
        write(SVR, 0x1ff);
    }

    @Test
    @DisplayName("§11.4.7.2: while it is software-disabled it takes no interrupt")
    void aDisabledApicTakesNothing() {
        apic.accept(LocalApic.FIXED, 0x40, false);
        assertThat(cpu.interruptRequested).isFalse();

        enable();
        apic.accept(LocalApic.FIXED, 0x40, false);
        assertThat(cpu.interruptRequested).isTrue();
        assertThat(apic.acknowledge()).isEqualTo(0x40);
    }

    @Test
    @DisplayName("§11.8.3: priorities by the vector's upper half, TPR and what is in service")
    void prioritiesDecide() {
        enable();
        apic.accept(LocalApic.FIXED, 0x52, false);
        apic.accept(LocalApic.FIXED, 0x61, false);
        assertThat(apic.acknowledge()).isEqualTo(0x61);
        assertThat(read(PPR)).isEqualTo(0x60);
        assertThat(cpu.interruptRequested).as("0x52 waits").isFalse();

        write(EOI, 0);
        assertThat(cpu.interruptRequested).isTrue();
        write(TPR, 0x50);
        assertThat(cpu.interruptRequested).isFalse();
        write(TPR, 0x4f);
        assertThat(apic.acknowledge()).isEqualTo(0x52);
    }

    @Test
    @DisplayName("§11.9: with nothing left there is the spurious vector, and no ISR bit")
    void aWithdrawnInterruptIsSpurious() {
        enable();

        assertThat(apic.acknowledge()).isEqualTo(0xff);
        assertThat(read(0x170)).isZero();
    }

    @Test
    @DisplayName("§11.6.1: a fixed IPI to itself, by shorthand and by destination")
    void ipisArrive() {
        enable();
        write(ICR, 0x4_0033);
        assertThat(apic.acknowledge()).isEqualTo(0x33);
        write(EOI, 0);

        write(ICR + 0x10, 0);
        write(ICR, 0x44);
        assertThat(apic.acknowledge()).isEqualTo(0x44);
    }

    @Test
    @DisplayName("§11.6.2: logical destinations, flat, cluster and x2APIC")
    void destinationsMatch() {
        write(LDR, 0x0400_0000);
        assertThat(apic.matches(0x06, true)).isTrue();
        assertThat(apic.matches(0x03, true)).isFalse();
        assertThat(apic.matches(0xff, false)).as("broadcast").isTrue();
        assertThat(apic.matches(1, false)).isFalse();

        write(DFR, 0x0fff_ffff);
        write(LDR, 0x2200_0000);
        assertThat(apic.matches(0x23, true)).isTrue();
        assertThat(apic.matches(0x13, true)).isFalse();

        apic.setBase(PAGE | X2APIC_ENABLED);
        assertThat(apic.matches(0x0_0001, true)).isTrue();
        assertThat(apic.matches(0x1_0001, true)).isFalse();
        assertThat(apic.matches(0xff, false)).as("an ID like any other").isFalse();
    }

    @Test
    @DisplayName("§11.12.5: from x2APIC there is no way back but through disabled")
    void modeChangesAreChecked() {
        apic.setBase(PAGE | X2APIC_ENABLED);
        assertThat(apic.claims(PAGE)).isFalse();
        assertThat(apic.readMsr(3) & 0xff).isEqualTo(0x14);

        assertThatThrownBy(() -> apic.setBase(PAGE | 0x800)).isInstanceOf(X86Exception.class);
        apic.setBase(PAGE);
        assertThatThrownBy(() -> apic.setBase(PAGE | X2APIC_ENABLED))
                .isInstanceOf(X86Exception.class);
        apic.setBase(PAGE | 0x800);
        assertThat(apic.claims(PAGE + 0x20)).isTrue();
    }

    @Test
    @DisplayName("§11.11: an MSI finds its APIC by bits 19:12, or 63:40 above them")
    void messagesAreRouted() {
        enable();

        cpu.cluster.apics().signal(0, PAGE, 0x55);
        assertThat(apic.acknowledge()).isEqualTo(0x55);
        cpu.cluster.apics().signal(0, PAGE | 1 << 12, 0x66);
        cpu.cluster.apics().signal(0, PAGE | 1L << 40, 0x66);
        assertThat(cpu.interruptRequested).isFalse();
    }

    @Test
    @DisplayName("§11.5.4.1: the deadline is in ticks of the TSC")
    void theDeadlineStrikesOnce() {
        enable();
        write(0x320, 0x4_0077);
        apic.setDeadline(cpu.msrs.timeStamp() + 500);
        assertThat(apic.strikesAtNanos()).isEqualTo(500);

        guest.clock.advance(499);
        apic.poll();
        assertThat(cpu.interruptRequested).isFalse();
        guest.clock.advance(1);
        apic.poll();
        assertThat(apic.acknowledge()).isEqualTo(0x77);
        assertThat(apic.deadline()).isZero();
    }

    @Test
    @DisplayName("§11.8.5: the end of a level-triggered interrupt is broadcast")
    void levelInterruptsAreReported() {
        StringBuilder ended = new StringBuilder();
        LocalApic other = new LocalApic(cpu, 0, vector -> ended.append(vector).append(' '));
        other.reset();
        other.writeMmio(PAGE + SVR, 4, 0x1ff);
        other.accept(LocalApic.FIXED, 48, true);
        other.accept(LocalApic.FIXED, 49, false);

        assertThat(other.acknowledge()).isEqualTo(49);
        other.writeMmio(PAGE + EOI, 4, 0);
        assertThat(other.acknowledge()).isEqualTo(48);
        other.writeMmio(PAGE + EOI, 4, 0);

        assertThat(ended).hasToString("48 ");
    }
}
