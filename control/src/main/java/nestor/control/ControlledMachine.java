package nestor.control;

import java.util.List;
import nestor.machine.ConfigException;
import nestor.machine.DeviceConfig;
import nestor.machine.Machine;
import nestor.machine.MachineConfig;
import nestor.trace.Tracing;

/**
 * What a monitor controls.
 *
 * @param name for people and {@code query-name}; may be empty
 * @param version of this program
 * @param machine that runs
 * @param configuration what it was made from
 * @param chardevs the host sides of its consoles
 * @param devices reads what follows {@code device_add}
 * @param tracing its trace points
 */
public record ControlledMachine(
        String name,
        String version,
        Machine machine,
        MachineConfig configuration,
        List<Chardev> chardevs,
        DeviceSyntax devices,
        Tracing tracing) {
    /**
     * A character device's host side.
     *
     * @param filename what it is connected to, in QEMU's words
     */
    public record Chardev(String label, String filename) {}

    /** Reads a device in the spelling of {@code -device}. */
    @FunctionalInterface
    public interface DeviceSyntax {
        /**
         * Reads {@code DRV,PROP=V,...}.
         *
         * @throws ConfigException if it cannot be read
         */
        DeviceConfig read(String text) throws ConfigException;
    }

    public ControlledMachine {
        chardevs = List.copyOf(chardevs);
    }
}
