package nestor.virtio.iommu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Queue;
import java.util.concurrent.ArrayBlockingQueue;
import nestor.pci.Chaos;
import nestor.pci.ChaosKey;
import nestor.pci.PageRequest;
import nestor.virtio.DescriptorChain;
import nestor.virtio.DriverLink;
import nestor.virtio.Virtqueue;
import org.jspecify.annotations.Nullable;

/**
 * The event queue (§5.13.6.9). Faults strike on any thread and wait here for the device's loop; few
 * are kept, and those for which the driver left no buffer are dropped, as the specification allows.
 * Page requests, which somebody waits for, wait for a buffer.
 */
final class FaultQueue {
    private static final int MAX_PENDING = 64;

    /** One fault in so many is reported until no buffer is left. */
    private static final int CROWDING = 4;

    private final int index;
    private final int queueSize;
    private final @Nullable PageRequests pages;
    private final RequestCounters counters;
    private final Chaos chaos;
    private final Queue<Fault> pending = new ArrayBlockingQueue<>(MAX_PENDING);
    private final MemorySegment report = Arena.ofAuto().allocate(ReportLayout.MAX_BYTES, 8);
    private volatile @Nullable DriverLink link;
    private @Nullable DescriptorChain chain;
    private ReportLayout layout = ReportLayout.SPECIFIED;

    /**
     * @param index of the event queue
     * @param queueSize its buffers at most
     * @param pages where page requests come from; null without any
     * @param chaos of the device
     */
    FaultQueue(
            int index,
            int queueSize,
            @Nullable PageRequests pages,
            RequestCounters counters,
            Chaos chaos) {
        this.index = index;
        this.queueSize = queueSize;
        this.counters = counters;
        this.pages = pages;
        this.chaos = chaos;
    }

    void start(DriverLink driver, ReportLayout newLayout) {
        chain = new DescriptorChain(driver.memory());
        layout = newLayout;
        link = driver;
    }

    void stop() {
        link = null;
        chain = null;
        pending.clear();
    }

    /** Any thread. */
    void report(Fault fault) {
        VirtioIommuTrace.fault(fault);
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
        PageRequest request = nextRequest();
        while (request != null || !pending.isEmpty()) {
            if (!queue.next(buffer)) {
                pending.clear();
                return;
            }
            if (request == null) {
                reportNext(queue, buffer);
            } else {
                queue.complete(buffer, write(request, buffer));
            }
            request = nextRequest();
        }
    }

    private @Nullable PageRequest nextRequest() {
        return pages == null ? null : pages.next();
    }

    /** A buffer that is too small for any report goes back empty, and the fault waits. */
    private void reportNext(Virtqueue queue, DescriptorChain buffer) {
        if (layout.faultBytes(buffer.writableBytes()) == 0) {
            queue.complete(buffer, 0);
            return;
        }
        Fault fault = pending.remove();
        queue.complete(buffer, write(fault, buffer));
        if (chaos.strikes(ChaosKey.EVENT_QUEUE_FULL, CROWDING)) {
            for (int i = 0; i < queueSize && queue.next(buffer); i++) {
                queue.complete(buffer, write(fault, buffer));
            }
        }
    }

    private int write(Fault fault, DescriptorChain buffer) {
        int sizeBytes = layout.faultBytes(buffer.writableBytes());
        if (sizeBytes == 0) {
            return 0;
        }
        layout.encode(fault, cleared(), sizeBytes);
        return buffer.write(0, report.asSlice(0, sizeBytes)) ? sizeBytes : 0;
    }

    private int write(PageRequest request, DescriptorChain buffer) {
        PageRequests from = pages;
        if (from == null) {
            throw new IllegalStateException("a page request from nowhere");
        }
        int sizeBytes = layout.pageRequestBytes(buffer.writableBytes());
        if (sizeBytes == 0) {
            from.fail(request);
            return 0;
        }
        layout.encode(request, cleared());
        if (!buffer.write(0, report.asSlice(0, sizeBytes))) {
            from.fail(request);
            return 0;
        }
        counters.pageRequest();
        from.told(request);
        return sizeBytes;
    }

    private RequestBytes cleared() {
        report.fill((byte) 0);
        return new RequestBytes(report);
    }
}
