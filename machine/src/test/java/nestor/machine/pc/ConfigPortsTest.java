package nestor.machine.pc;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import nestor.vmm.mmio.MmioBus;
import nestor.vmm.mmio.MmioRegion;
import nestor.vmm.mmio.PortBus;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** PCI Local Bus 3.0 §3.2.2.3.2. */
class ConfigPortsTest {
    private static final long ECAM = 0xb000_0000L;

    private final List<String> accesses = new ArrayList<>();
    private final MmioBus mmio = new MmioBus();
    private final PortBus ports = new PortBus();
    private int resets;
    private final ConfigPorts config = new ConfigPorts(mmio, ECAM, () -> resets++);

    ConfigPortsTest() {
        mmio.map(ECAM, 1 << 28, new Recorder());
        ports.map(0xcf8, ConfigPorts.PORTS, config);
    }

    private final class Recorder implements MmioRegion {
        @Override
        public long read(long offset, int sizeBytes) {
            accesses.add("r%d %x".formatted(sizeBytes, offset));
            return 0x8765_4321L;
        }

        @Override
        public void write(long offset, int sizeBytes, long value) {
            accesses.add("w%d %x %x".formatted(sizeBytes, offset, value));
        }
    }

    @Test
    @DisplayName("an enabled address leads to the function's configuration space")
    void reachesTheEcam() {
        ports.write(0xcf8, 4, 0x8012_3404);
        assertThat(ports.read(0xcf8, 4)).isEqualTo(0x8012_3404);
        assertThat(ports.read(0xcfc, 4)).isEqualTo(0x8765_4321);
        ports.write(0xcfe, 2, 0xbeef);
        ports.write(0xcff, 1, 0xaa);
        assertThat(accesses).containsExactly("r4 1234004", "w2 1234006 beef", "w1 1234007 aa");
    }

    @Test
    @DisplayName("without the enable bit data reads as ones; reserved address bits read as 0")
    void disabledIsNobody() {
        ports.write(0xcf8, 4, 0x7fff_ffff);
        assertThat(ports.read(0xcf8, 4)).isEqualTo(0x00ff_fffc);
        assertThat(ports.read(0xcfc, 4)).isEqualTo(-1);
        ports.write(0xcfc, 4, 1);
        ports.write(0xcf8, 2, 0x8000);
        assertThat(ports.read(0xcf8, 2)).isEqualTo(0xffff);
        assertThat(accesses).isEmpty();
        config.reset();
        assertThat(ports.read(0xcf8, 4)).isZero();
    }

    @Test
    @DisplayName("CF9h: a reset where RST_CPU goes from 0 to 1; a dword there is another register")
    void resets() {
        ports.write(0xcf9, 1, 2);
        assertThat(resets).isZero();
        ports.write(0xcf9, 1, 6);
        ports.write(0xcf9, 1, 6);
        assertThat(resets).isEqualTo(1);
        assertThat(ports.read(0xcf9, 1)).isEqualTo(6);
        ports.write(0xcf8, 4, 0x8000_0600);
        assertThat(resets).isEqualTo(1);
    }

    @Test
    void theDebugPortEndsTheMachine() {
        List<Integer> statuses = new ArrayList<>();
        ports.map(0xf4, DebugExit.PORTS, new DebugExit(statuses::add));
        ports.write(0xf4, 4, 0);
        ports.write(0xf4, 1, 0x10);
        ports.write(0xf4, 4, -1);
        assertThat(statuses).containsExactly(1, 0x21, 0xff);
        assertThat(ports.read(0xf4, 4)).isZero();
    }
}
