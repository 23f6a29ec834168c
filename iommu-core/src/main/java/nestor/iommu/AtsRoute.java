package nestor.iommu;

import java.util.Optional;
import nestor.pci.AtsEndpoint;
import nestor.pci.InvalidateRequest;

/** The bus as a translation agent's messages see it: which function answers to a Requester ID. */
@FunctionalInterface
public interface AtsRoute {
    /** The receiver of {@code rid}'s messages; empty if no function with ATS has that RID. */
    Optional<AtsEndpoint> endpoint(int rid);

    /**
     * Invalidate Requests that {@code rid} takes before it completes one: its Invalidate Queue
     * Depth (PCIe Base §10.5.1.2), with 0 read as 32.
     *
     * @return 1..{@link InvalidateRequest#ITAGS}
     */
    default int invalidateQueueDepth(int rid) {
        return InvalidateRequest.ITAGS;
    }
}
