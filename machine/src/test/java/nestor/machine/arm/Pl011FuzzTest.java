package nestor.machine.arm;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import com.code_intelligence.jazzer.junit.FuzzTest;
import nestor.vmm.chardev.CharBackend;
import nestor.vmm.chardev.CharFrontend;
import nestor.vmm.mmio.MmioBus;

/** A hostile guest at the UART, and a backend with any input. */
class Pl011FuzzTest {
    private static final int MAX_STEPS = 2000;
    private static final long BASE = 0x900_0000L;

    @FuzzTest(maxDuration = "10m")
    void anyAccessIsAnswered(FuzzedDataProvider data) {
        boolean[] irq = new boolean[1];
        Pl011 uart = new Pl011(new Sink(), level -> irq[0] = level);
        MmioBus bus = new MmioBus();
        bus.map(BASE, 0x1000, uart.registers());
        for (int step = 0; step < MAX_STEPS && data.remainingBytes() > 0; step++) {
            if (data.consumeInt(0, 3) == 0) {
                byte[] input = data.consumeBytes(40);
                assertThat(uart.receive(input, 0, input.length)).isBetween(0, input.length);
                continue;
            }
            int size = 1 << data.consumeInt(0, 3);
            long gpa = BASE + data.consumeInt(0, 0x1000 - size);
            if (data.consumeBoolean()) {
                bus.write(gpa, size, data.consumeLong());
            } else {
                bus.read(gpa, size);
            }
        }
        uart.reset();
        assertThat(irq[0]).isFalse();
    }

    private static final class Sink implements CharBackend {
        @Override
        public void write(byte[] data, int offset, int length) {}

        @Override
        public void connect(CharFrontend frontend) {}

        @Override
        public void resume() {}
    }
}
