package nestor.machine.vfio;

import java.util.Arrays;
import java.util.function.IntConsumer;
import nestor.iommu.host.HostException;
import nestor.iommufd.VfioDevice;

/**
 * The vectors of one kind, MSI or MSI-X, as long as it is enabled. All of them are set up at once:
 * a kernel that cannot add one later (NORESIZE) loses none then.
 */
final class VectorTable {
    private final VfioDevice device;
    private final EventReader reader;
    private final int index;
    private final int[] eventfds;

    private VectorTable(VfioDevice device, EventReader reader, int index, int count) {
        this.device = device;
        this.reader = reader;
        this.index = index;
        this.eventfds = new int[count];
        Arrays.fill(eventfds, -1);
    }

    /**
     * Enables them.
     *
     * @param index of {@link nestor.iommufd.Uapi.IrqInfo}
     * @param listener is given the number of a vector that fired
     */
    static VectorTable enable(
            VfioDevice device, EventReader reader, int index, int count, IntConsumer listener)
            throws HostException {
        var table = new VectorTable(device, reader, index, count);
        try {
            for (int i = 0; i < count; i++) {
                int vector = i;
                table.eventfds[i] = reader.add(() -> listener.accept(vector));
            }
            device.signal(index, 0, table.eventfds);
            return table;
        } catch (HostException e) {
            table.forget();
            throw e;
        }
    }

    int index() {
        return index;
    }

    void disable() throws HostException {
        try {
            device.disableIrqs(index);
        } finally {
            forget();
        }
    }

    private void forget() {
        for (int i = 0; i < eventfds.length; i++) {
            if (eventfds[i] >= 0) {
                reader.remove(eventfds[i]);
                eventfds[i] = -1;
            }
        }
    }
}
