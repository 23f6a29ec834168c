package nestor.machine.pc;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import com.code_intelligence.jazzer.junit.FuzzTest;
import nestor.vmm.chardev.CharBackend;
import nestor.vmm.chardev.CharFrontend;
import nestor.vmm.mmio.MmioBus;
import nestor.vmm.mmio.PortBus;
import nestor.vmm.time.ManualClock;

/** A hostile guest at every port and register of the board. */
class PcPartsFuzzTest {
    private static final int MAX_STEPS = 2000;
    private static final long IOAPIC = 0xfec0_0000L;
    private static final long ECAM = 0xb000_0000L;
    private static final long MAX_ADVANCE_NANOS = 10_000_000_000L;

    private final ManualClock clock = new ManualClock();
    private final MmioBus mmio = new MmioBus();
    private final PortBus ports = new PortBus();
    private final IoApic ioapic =
            new IoApic(
                    0,
                    0xfff8,
                    (_, address, data) -> {
                        assertThat(address >>> 20).isEqualTo(0xfee);
                        assertThat(data >>> 16).isZero();
                    });
    private final Uart16550 uart = new Uart16550(new Sink(), ioapic.pin(4));
    private final CmosRtc rtc = new CmosRtc(() -> 1_900_000_000_000L, clock, ioapic.pin(8));
    private final PowerManagement pm = new PowerManagement(clock, ioapic.pin(9), () -> {});

    PcPartsFuzzTest() {
        mmio.map(IOAPIC, 0x1000, ioapic);
        ports.map(0x3f8, Uart16550.PORTS, uart);
        ports.map(0x70, CmosRtc.PORTS, rtc);
        ports.map(0x600, PowerManagement.PORTS, pm);
        ports.map(0xcf8, ConfigPorts.PORTS, new ConfigPorts(mmio, ECAM, () -> {}));
    }

    @FuzzTest(maxDuration = "10m")
    void anyAccessIsAnswered(FuzzedDataProvider data) {
        int[] bases = {0x3f8, 0x70, 0x600, 0x608, 0xcf8, 0xcfc};
        for (int step = 0; step < MAX_STEPS && data.remainingBytes() > 0; step++) {
            int size = 1 << data.consumeInt(0, 2);
            switch (data.consumeInt(0, 5)) {
                case 0 -> clock.advance(data.consumeLong(0, MAX_ADVANCE_NANOS));
                case 1 -> {
                    byte[] input = data.consumeBytes(40);
                    assertThat(uart.receive(input, 0, input.length)).isBetween(0, input.length);
                }
                case 2 -> mmio.write(IOAPIC + data.consumeInt(0, 0x50), size, data.consumeInt());
                case 3 -> mmio.read(IOAPIC + data.consumeInt(0, 0x50), size);
                case 4 -> {
                    int port = data.pickValue(bases) + data.consumeInt(0, 7);
                    ports.write(port, size, data.consumeInt());
                }
                default -> ports.read(data.pickValue(bases) + data.consumeInt(0, 7), size);
            }
        }
        uart.reset();
        rtc.reset();
        pm.reset();
        ioapic.reset();
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
