package nestor.virtio.iommu;

import java.util.concurrent.atomic.LongAdder;

/** Counts what goes over both queues. Any thread. */
final class RequestCounters {
    private final LongAdder attaches = new LongAdder();
    private final LongAdder maps = new LongAdder();
    private final LongAdder unmaps = new LongAdder();
    private final LongAdder invalidations = new LongAdder();
    private final LongAdder pageRequests = new LongAdder();
    private final LongAdder pageResponses = new LongAdder();

    void request(Request request) {
        switch (request) {
            case Request.Attach _, TableRequest.AttachTable _ -> attaches.increment();
            case Request.Map _ -> maps.increment();
            case Request.Unmap _ -> unmaps.increment();
            case TableRequest.Invalidate _ -> invalidations.increment();
            case TableRequest.PageResponse _ -> pageResponses.increment();
            case Request.Detach _,
                    Request.Probe _,
                    Request.Truncated _,
                    Request.Unknown _ -> {}
        }
    }

    /** A page request is in the driver's buffer. */
    void pageRequest() {
        pageRequests.increment();
    }

    VirtioIommuStatistics statistics() {
        return new VirtioIommuStatistics(
                attaches.sum(),
                maps.sum(),
                unmaps.sum(),
                invalidations.sum(),
                pageRequests.sum(),
                pageResponses.sum());
    }
}
