package nestor.iommu;

import java.util.Optional;
import nestor.pci.AtsEndpoint;
import nestor.pci.Chaos;
import nestor.pci.ChaosKey;
import nestor.pci.InvalidateRequest;
import nestor.pci.PageResponse;
import nestor.vmm.time.Clock;

/**
 * A route on which, with {@link ChaosKey#INVALIDATION_TIMEOUT}, some Invalidate Completions get
 * lost.
 */
public record LossyRoute(AtsRoute route, Chaos chaos, Clock clock) implements AtsRoute {
    /** One completion in so many is lost. */
    private static final int LOST = 8;

    /**
     * From one loss to the next. Linux 6.12 waits a second of its time for each CMD_SYNC that the
     * error holds up, with interrupts off.
     */
    static final long REST_NANOS = 10_000_000_000L;

    @Override
    public Optional<AtsEndpoint> endpoint(int rid) {
        Optional<AtsEndpoint> endpoint = route.endpoint(rid);
        return chaos.has(ChaosKey.INVALIDATION_TIMEOUT)
                ? endpoint.map(there -> new Lossy(there, chaos, clock))
                : endpoint;
    }

    @Override
    public int invalidateQueueDepth(int rid) {
        return route.invalidateQueueDepth(rid);
    }

    private record Lossy(AtsEndpoint endpoint, Chaos chaos, Clock clock) implements AtsEndpoint {
        @Override
        public void invalidate(InvalidateRequest request, Runnable complete) {
            boolean lost =
                    chaos.strikesThenRests(
                            ChaosKey.INVALIDATION_TIMEOUT, LOST, clock.nanos(), REST_NANOS);
            endpoint.invalidate(request, lost ? () -> {} : complete);
        }

        @Override
        public void pageResponse(PageResponse response) {
            endpoint.pageResponse(response);
        }

        @Override
        public void disabled() {
            endpoint.disabled();
        }
    }
}
