package nestor.iommu;

import java.util.Optional;
import nestor.pci.AtsEndpoint;
import nestor.pci.Chaos;
import nestor.pci.ChaosKey;
import nestor.pci.InvalidateRequest;
import nestor.pci.PageResponse;

/**
 * A route on which, with {@link ChaosKey#INVALIDATION_TIMEOUT}, some Invalidate Completions get
 * lost.
 */
public record LossyRoute(AtsRoute route, Chaos chaos) implements AtsRoute {
    /** One completion in so many is lost. */
    private static final int LOST = 8;

    @Override
    public Optional<AtsEndpoint> endpoint(int rid) {
        Optional<AtsEndpoint> endpoint = route.endpoint(rid);
        return chaos.has(ChaosKey.INVALIDATION_TIMEOUT)
                ? endpoint.map(there -> new Lossy(there, chaos))
                : endpoint;
    }

    @Override
    public int invalidateQueueDepth(int rid) {
        return route.invalidateQueueDepth(rid);
    }

    private record Lossy(AtsEndpoint endpoint, Chaos chaos) implements AtsEndpoint {
        @Override
        public void invalidate(InvalidateRequest request, Runnable complete) {
            boolean lost = chaos.strikes(ChaosKey.INVALIDATION_TIMEOUT, LOST);
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
