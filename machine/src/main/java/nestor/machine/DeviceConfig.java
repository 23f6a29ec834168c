package nestor.machine;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A device as the user wrote it ({@code -device driver,property=value,…}).
 *
 * @param driver a name of {@link DeviceCatalog}
 * @param properties in QEMU's names, in the order given; {@code id}, {@code bus}, {@code addr} and
 *     the driver's own
 */
public record DeviceConfig(String driver, Map<String, String> properties) {
    public DeviceConfig {
        properties = Collections.unmodifiableMap(new LinkedHashMap<>(properties));
    }
}
