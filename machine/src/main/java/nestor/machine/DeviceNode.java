package nestor.machine;

import java.util.Map;

/**
 * A device and its place in the tree of buses: for people.
 *
 * @param name the user's id, or one made from driver and place
 * @param driver a name of the {@link DeviceCatalog}
 * @param bus a root bus, or the name of a root port
 * @param properties as the user gave them
 */
public record DeviceNode(
        String name,
        String driver,
        String bus,
        int slot,
        int function,
        Map<String, String> properties) {
    public DeviceNode {
        properties = Map.copyOf(properties);
    }
}
