package nestor.machine.arm;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import nestor.vmm.chardev.CharBackend;
import nestor.vmm.chardev.CharFrontend;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class Pl011Test {
    private static final long DR = 0x00;
    private static final long FR = 0x18;
    private static final long LCR_H = 0x2c;
    private static final long CR = 0x30;
    private static final long IFLS = 0x34;
    private static final long IMSC = 0x38;
    private static final long RIS = 0x3c;
    private static final long MIS = 0x40;
    private static final long ICR = 0x44;
    private static final int RX = 1 << 4;
    private static final int TX = 1 << 5;
    private static final int RECEIVE_TIMEOUT = 1 << 6;
    private static final int RXFE = 1 << 4;
    private static final int RXFF = 1 << 6;

    private final ByteArrayOutputStream output = new ByteArrayOutputStream();
    private int resumed;
    private boolean irq;
    private final Pl011 uart =
            new Pl011(
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

    private void write(long offset, long value) {
        uart.registers().write(offset, 4, value);
    }

    private long read(long offset) {
        return uart.registers().read(offset, 4);
    }

    private void enable() {
        write(LCR_H, 0x70);
        write(CR, 0x301);
    }

    private int type(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.US_ASCII);
        return uart.receive(bytes, 0, bytes.length);
    }

    @Test
    @DisplayName("§3.3.1: what is written to UARTDR is transmitted, before UARTCR enables it too")
    void transmitsAtOnce() {
        write(DR, 'h');
        write(DR, 0x100 | 'i');
        assertThat(output.toString(StandardCharsets.US_ASCII)).isEqualTo("hi");
        assertThat(read(FR) & 0xa8).isEqualTo(0x80);
    }

    @Test
    @DisplayName("§3.4: each byte transmitted raises the transmit interrupt, UARTICR clears it")
    void transmitInterrupt() {
        write(IMSC, TX);
        assertThat(irq).isFalse();
        write(DR, 'x');
        assertThat(irq).isTrue();
        write(ICR, TX);
        assertThat(irq).isFalse();
    }

    @Test
    void inputWaitsInTheBackendUntilTheReceiverIsEnabled() {
        assertThat(type("a")).isZero();
        enable();
        assertThat(resumed).isEqualTo(1);
        assertThat(type("a")).isEqualTo(1);
        assertThat(read(DR)).isEqualTo('a');
        assertThat(resumed).isEqualTo(1);
    }

    @Test
    @DisplayName("§2.4: the FIFO takes 16 bytes; the rest is asked for when it is empty again")
    void fifoIsBounded() {
        enable();
        assertThat(type("0123456789abcdefXYZ")).isEqualTo(16);
        assertThat(read(FR) & RXFF).isEqualTo(RXFF);
        for (char expected : "0123456789abcdef".toCharArray()) {
            assertThat(resumed).isZero();
            assertThat(read(DR)).isEqualTo(expected);
        }
        assertThat(resumed).isEqualTo(1);
        assertThat(read(FR) & RXFE).isEqualTo(RXFE);
        assertThat(read(DR)).isZero();
    }

    @Test
    void withoutTheFifoThereIsOneHoldingByte() {
        write(CR, 0x301);
        assertThat(type("ab")).isEqualTo(1);
        assertThat(read(RIS) & RX).isEqualTo(RX);
    }

    @Test
    @DisplayName("§3.4: receive at the trigger level, timeout below it, both gone with the last byte")
    void receiveInterrupts() {
        enable();
        write(IFLS, 0x12);
        write(IMSC, RX | RECEIVE_TIMEOUT);
        type("1234567");
        assertThat(read(MIS)).isEqualTo(RECEIVE_TIMEOUT);
        assertThat(irq).isTrue();
        type("8");
        assertThat(read(MIS)).isEqualTo(RX | RECEIVE_TIMEOUT);
        read(DR);
        assertThat(read(MIS)).isEqualTo(RECEIVE_TIMEOUT);
        write(ICR, RECEIVE_TIMEOUT);
        assertThat(irq).isFalse();
        type("9");
        assertThat(irq).isTrue();
        for (int i = 0; i < 8; i++) {
            read(DR);
        }
        assertThat(irq).isFalse();
    }

    @Test
    @DisplayName("§3.3.8: loopback turns output into input")
    void loopback() {
        write(LCR_H, 0x70);
        write(CR, 0x381);
        write(DR, 'z');
        assertThat(output.size()).isZero();
        assertThat(read(DR)).isEqualTo('z');
    }

    @Test
    @DisplayName("§3.3.15: identification registers")
    void identification() {
        int[] expected = {0x11, 0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1};
        for (int i = 0; i < expected.length; i++) {
            assertThat(read(0xfe0 + 4L * i)).isEqualTo(expected[i]);
        }
    }

    @Test
    void resetForgetsInputAndInterrupts() {
        enable();
        write(IMSC, RX | RECEIVE_TIMEOUT | TX);
        type("abc");
        write(DR, 'x');
        uart.reset();
        assertThat(irq).isFalse();
        assertThat(read(RIS)).isZero();
        assertThat(read(FR) & RXFE).isEqualTo(RXFE);
        assertThat(read(CR)).isEqualTo(0x300);
    }
}
