package nestor.machine.pc;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import nestor.vmm.chardev.CharBackend;
import nestor.vmm.chardev.CharFrontend;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** PC16550D data sheet, §8. */
class Uart16550Test {
    private static final int DATA = 0;
    private static final int IER = 1;
    private static final int IIR = 2;
    private static final int FCR = 2;
    private static final int LCR = 3;
    private static final int MCR = 4;
    private static final int LSR = 5;
    private static final int MSR = 6;
    private static final int SCR = 7;
    private static final int OUT2 = 8;
    private static final int LOOP = 0x10;

    private final ByteArrayOutputStream output = new ByteArrayOutputStream();
    private int resumed;
    private boolean irq;
    private final Uart16550 uart =
            new Uart16550(
                    new CharBackend() {
                        @Override
                        public void write(byte[] data, int offset, int length) {
                            output.write(data, offset, length);
                        }

                        @Override
                        public void connect(CharFrontend frontend) {}

                        @Override
                        public void resume() {
                            resumed++;
                        }
                    },
                    level -> irq = level);

    private void write(int offset, int value) {
        uart.write(offset, 1, value);
    }

    private int read(int offset) {
        return (int) uart.read(offset, 1);
    }

    private int type(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.US_ASCII);
        return uart.receive(bytes, 0, bytes.length);
    }

    @Test
    @DisplayName("§8.4: what is written goes out at once; the transmitter is always empty")
    void transmitsAtOnce() {
        write(DATA, 'o');
        write(DATA, 'k');
        assertThat(output.toString(StandardCharsets.US_ASCII)).isEqualTo("ok");
        assertThat(read(LSR)).isEqualTo(0x60);
    }

    @Test
    @DisplayName("§8.3: with DLAB the first two registers are the divisor")
    void theDivisorLatchHidesTheData() {
        write(LCR, 0x83);
        write(DATA, 0x34);
        write(IER, 0x12);
        assertThat(read(DATA)).isEqualTo(0x34);
        assertThat(read(IER)).isEqualTo(0x12);
        write(LCR, 0x03);
        assertThat(read(IER)).isZero();
        assertThat(read(LCR)).isEqualTo(3);
        assertThat(output.size()).isZero();
        write(SCR, 0x5a);
        assertThat(read(SCR)).isEqualTo(0x5a);
    }

    @Test
    @DisplayName("§8.5: FIFOs show in IIR 7:6; without them one byte waits")
    void fifosHoldSixteenBytes() {
        assertThat(type("abc")).isEqualTo(1);
        assertThat(read(IIR)).isEqualTo(1);
        assertThat(read(LSR)).isEqualTo(0x61);
        assertThat(read(DATA)).isEqualTo('a');
        assertThat(resumed).isEqualTo(1);

        write(FCR, 1);
        assertThat(read(IIR)).isEqualTo(0xc1);
        assertThat(type("0123456789abcdefg")).isEqualTo(16);
        write(FCR, 3);
        assertThat(read(LSR)).isEqualTo(0x60);
        assertThat(resumed).isEqualTo(2);
    }

    @Test
    @DisplayName("§8.6: received data, timeout and transmitter empty, in this order")
    void interruptsHavePriorities() {
        write(MCR, OUT2);
        write(FCR, 0x41); // trigger at four
        write(IER, 3);
        assertThat(irq).isTrue();
        type("abc");
        assertThat(read(IIR)).isEqualTo(0xcc);
        type("d");
        assertThat(read(IIR)).isEqualTo(0xc4);
        for (int i = 0; i < 4; i++) {
            read(DATA);
        }
        assertThat(read(IIR)).isEqualTo(0xc2);
        assertThat(irq).as("reading IIR ends the transmitter's interrupt").isFalse();
        assertThat(read(IIR)).isEqualTo(0xc1);
        write(DATA, 'x');
        assertThat(irq).isTrue();
    }

    @Test
    @DisplayName("§8.8: OUT2 gates the interrupt, as a PC is wired")
    void withoutOut2ThereIsNoInterrupt() {
        write(IER, 2);
        assertThat(irq).isFalse();
        write(MCR, OUT2);
        assertThat(irq).isTrue();
        write(MCR, 0);
        assertThat(irq).isFalse();
    }

    @Test
    @DisplayName("§8.8: a loop brings bytes and modem lines back")
    void loopsBack() {
        assertThat(read(MSR)).isEqualTo(0xb0);
        write(MCR, LOOP | 0x0a); // RTS and OUT2, as drivers probe
        assertThat(read(MSR) & 0xf0).isEqualTo(0x90);
        write(DATA, 'l');
        assertThat(read(DATA)).isEqualTo('l');
        write(DATA, '1');
        write(DATA, '2');
        assertThat(read(LSR) & 2).as("overrun").isEqualTo(2);
        assertThat(read(LSR) & 2).isZero();
        assertThat(output.size()).isZero();
        assertThat(type("x")).isZero();
        write(MCR, 0);
        read(DATA);
        assertThat(resumed).isEqualTo(1);
    }

    @Test
    @DisplayName("§8.9: changes of the modem lines are told once, RI when it ends")
    void modemChangesInterrupt() {
        write(MCR, LOOP | 0x04); // RI
        read(MSR);
        write(IER, 8);
        assertThat(read(IIR)).isEqualTo(1);
        write(MCR, OUT2);
        assertThat(irq).isTrue();
        assertThat(read(IIR)).isZero();
        assertThat(read(MSR)).isEqualTo(0xb0 | 0x0f);
        assertThat(irq).isFalse();
        assertThat(read(MSR)).isEqualTo(0xb0);
        uart.reset();
        assertThat(read(MCR)).isZero();
    }
}
