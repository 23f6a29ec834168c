package nestor.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Map;
import java.util.Optional;
import nestor.machine.ConfigException;
import nestor.machine.DeviceConfig;
import org.junit.jupiter.api.Test;

class MonitorCommandsTest {
    private int quits;
    private final MonitorCommands monitor = new MonitorCommands(Optional::empty, () -> quits++);

    @Test
    void withoutAMachineThereIsOnlyQuit() {
        assertThat(monitor.execute("info pci")).isEqualTo("Error: the machine does not run\n");
        assertThat(monitor.execute(" quit ")).isEmpty();
        assertThat(quits).isEqualTo(1);
    }

    @Test
    void devicesAreSpelledAsOnTheCommandLine() throws ConfigException {
        assertThat(MonitorCommands.device("edu,bus=rp1"))
                .isEqualTo(new DeviceConfig("edu", Map.of("bus", "rp1")));
        assertThatThrownBy(() -> MonitorCommands.device(""))
                .isInstanceOf(ConfigException.class)
                .hasMessage("device_add: DRV[,PROP=V,...] is missing");
        assertThatThrownBy(() -> MonitorCommands.device("edu,bus=x,bus=y"))
                .isInstanceOf(ConfigException.class)
                .hasMessage("device_add: 'bus' is given twice");
    }
}
