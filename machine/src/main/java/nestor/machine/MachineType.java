package nestor.machine;

import java.util.List;

/**
 * A kind of board ({@code -machine help}).
 *
 * @param name as in {@link MachineConfig#type}
 * @param description one line
 * @param properties of {@link MachineConfig#typeProperties}
 */
public record MachineType(String name, String description, List<DeviceProperty> properties) {
    public MachineType {
        properties = List.copyOf(properties);
    }
}
