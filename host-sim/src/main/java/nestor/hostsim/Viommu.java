package nestor.hostsim;

import java.util.HashMap;
import java.util.Map;
import nestor.iommufd.Errno;
import org.jspecify.annotations.Nullable;

/** A slice of a physical IOMMU that one guest has: its virtual device numbers, its events. */
final class Viommu extends HostObject {
    private final Hardware hardware;
    private final Hwpt parent;
    private final Map<Long, Vdevice> devices = new HashMap<>();
    private @Nullable VeventQueue events;

    Viommu(Hardware hardware, Hwpt parent) {
        this.hardware = hardware;
        this.parent = parent;
        parent.hold();
    }

    Hardware hardware() {
        return hardware;
    }

    Hwpt parent() {
        return parent;
    }

    @Nullable Vdevice device(long virtId) {
        return devices.get(virtId);
    }

    void add(Vdevice device) throws Refusal {
        Refusal.when(devices.containsKey(device.virtId()), Errno.EEXIST);
        devices.put(device.virtId(), device);
        hold();
    }

    void remove(Vdevice device) {
        devices.remove(device.virtId());
        letGo();
    }

    @Nullable VeventQueue events() {
        return events;
    }

    void events(@Nullable VeventQueue queue) {
        events = queue;
    }

    @Override
    void destroy() throws Refusal {
        super.destroy();
        parent.letGo();
    }
}
