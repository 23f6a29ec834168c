package nestor.machine;

import java.util.List;

/**
 * A device model that users can add ({@code -device help}).
 *
 * @param driver its name, as QEMU spells it
 * @param bus where it plugs in: {@code PCI}, {@code virtio-serial-bus} or {@code System}
 * @param description one line
 * @param properties everything it accepts
 */
public record DeviceType(
        String driver, String bus, String description, List<DeviceProperty> properties) {
    static final String PCI = "PCI";
    static final String BOARD = "System";
    static final String VIRTIO_SERIAL_BUS = "virtio-serial-bus";

    public DeviceType {
        properties = List.copyOf(properties);
    }
}
