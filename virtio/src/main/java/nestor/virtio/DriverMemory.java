package nestor.virtio;

import java.lang.foreign.MemorySegment;
import java.util.function.Supplier;
import nestor.pci.CompletionStatus;
import nestor.pci.DmaPort;
import nestor.pci.Requester;

/**
 * The memory that a driver's addresses point into: every ring, table and buffer access of a device
 * goes through here, and so through its function's IOMMU. Any thread.
 */
public final class DriverMemory {
    private final DmaPort port;
    private final Supplier<Requester> requester;

    /**
     * @param requester of the device's function, asked anew for each access because software
     *     renumbers buses
     */
    public DriverMemory(DmaPort port, Supplier<Requester> requester) {
        this.port = port;
        this.requester = requester;
    }

    /** Fills {@code dst} from {@code address}; false if the access failed. */
    public boolean read(long address, MemorySegment dst) {
        return port.read(requester.get(), address, dst) == CompletionStatus.SUCCESSFUL;
    }

    /** Writes all of {@code src} to {@code address}; false if the access failed. */
    public boolean write(long address, MemorySegment src) {
        return port.write(requester.get(), address, src) == CompletionStatus.SUCCESSFUL;
    }
}
