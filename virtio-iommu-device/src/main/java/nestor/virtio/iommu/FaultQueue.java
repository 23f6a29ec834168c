package nestor.virtio.iommu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Queue;
import java.util.concurrent.ArrayBlockingQueue;
import nestor.virtio.DescriptorChain;
import nestor.virtio.DriverLink;
import nestor.virtio.Virtqueue;
import org.jspecify.annotations.Nullable;

/**
 * The event queue (§5.13.6.9). Faults strike on any thread and wait here for the device's loop; few
 * are kept, and those for which the driver left no buffer are dropped, as the specification allows.
 */
final class FaultQueue {
    private static final int MAX_PENDING = 64;

    private final int index;
    private final Queue<Fault> pending = new ArrayBlockingQueue<>(MAX_PENDING);
    private final MemorySegment report = Arena.ofAuto().allocate(Fault.BYTES, 8);
    private volatile @Nullable DriverLink link;
    private @Nullable DescriptorChain chain;

    /**
     * @param index of the event queue
     */
    FaultQueue(int index) {
        this.index = index;
    }

    void start(DriverLink driver) {
        chain = new DescriptorChain(driver.memory());
        link = driver;
    }

    void stop() {
        link = null;
        chain = null;
        pending.clear();
    }

    /** Any thread. */
    void report(Fault fault) {
        FaultEvent.emit(fault);
        DriverLink driver = link;
        if (driver != null && pending.offer(fault)) {
            driver.kick(index);
        }
    }

    /** Writes what is pending into the driver's buffers. Loop only. */
    void serve(Virtqueue queue) {
        DescriptorChain buffer = chain;
        if (buffer == null) {
            return;
        }
        while (!pending.isEmpty()) {
            if (!queue.next(buffer)) {
                pending.clear();
                return;
            }
            long written = 0;
            if (buffer.writableBytes() >= Fault.BYTES) {
                pending.remove().encode(report);
                written = buffer.write(0, report) ? Fault.BYTES : 0;
            }
            queue.complete(buffer, written);
        }
    }
}
