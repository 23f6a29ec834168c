package nestor.virtio.iommu;

import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.function.IntPredicate;
import nestor.pci.Translation;
import org.jspecify.annotations.Nullable;

/**
 * Domains, and which endpoint is attached to which (§5.13.6.3 to §5.13.6.6): validates and applies
 * requests, on the device's loop. Lookups by endpoint come from any thread.
 */
final class AddressSpaces {
    /** Endpoint ids are Requester IDs. */
    private static final int ENDPOINTS = 1 << 16;

    private final VirtioIommuConfig config;
    private final IntPredicate exists;
    private final Map<Integer, Domain> domains = new HashMap<>();
    private final AtomicReferenceArray<@Nullable Domain> attached =
            new AtomicReferenceArray<>(ENDPOINTS);
    private final int[] domainIds = new int[ENDPOINTS];
    private int mappings;

    AddressSpaces(VirtioIommuConfig config, IntPredicate exists) {
        this.config = config;
        this.exists = exists;
    }

    boolean hasEndpoint(int endpoint) {
        return endpoint >= 0 && endpoint < ENDPOINTS && exists.test(endpoint);
    }

    private boolean isAttached(int endpoint) {
        return endpoint >= 0 && endpoint < ENDPOINTS && attached.get(endpoint) != null;
    }

    /** The domain that {@code endpoint} is attached to, null if to none. Any thread. */
    @Nullable Domain of(int endpoint) {
        return attached.getAcquire(endpoint);
    }

    /** Forgets everything the driver did. */
    void reset() {
        for (int endpoint = 0; endpoint < ENDPOINTS; endpoint++) {
            attached.setRelease(endpoint, null);
        }
        domains.clear();
        mappings = 0;
    }

    Outcome attach(Request.Attach request, long features) {
        boolean mayBypass = (features & Feature.BYPASS_CONFIG) != 0;
        long known = mayBypass ? Request.Attach.BYPASS.mask() : 0;
        boolean bypass = Request.Attach.BYPASS.isSet(request.flags());
        if (request.reserved() != 0 || (request.flags() & ~known) != 0) {
            return Outcome.failed(Status.INVAL);
        }
        if (!hasEndpoint(request.endpoint())) {
            return Outcome.failed(Status.NOENT);
        }
        if (!config.hasDomain(request.domain())) {
            return Outcome.failed(Status.RANGE);
        }
        Domain domain = domains.get(request.domain());
        if (domain == null && domains.size() >= config.limits().domains()) {
            return Outcome.failed(Status.NOMEM);
        }
        if (domain != null && domain.isBypass() != bypass) {
            return Outcome.failed(Status.INVAL);
        }
        Domain before = attached.get(request.endpoint());
        if (before != null && before == domain) {
            return Outcome.DONE;
        }
        if (before != null) {
            leave(request.endpoint(), before);
        }
        if (domain == null) {
            domain = new Domain(bypass);
            domains.put(request.domain(), domain);
        }
        domain.attach();
        domainIds[request.endpoint()] = request.domain();
        attached.setRelease(request.endpoint(), domain);
        return Outcome.REVOKED; // of its former domain, or of bypass
    }

    /**
     * §5.13.6.4. A device that was pulled still exists here until it is detached: what is detached
     * is the attachment. Linux takes NOENT for a bug of its own, with a stack trace.
     */
    Outcome detach(Request.Detach request) {
        if (!hasEndpoint(request.endpoint()) && !isAttached(request.endpoint())) {
            return Outcome.failed(Status.NOENT);
        }
        Domain domain = domains.get(request.domain());
        if (domain == null || attached.get(request.endpoint()) != domain) {
            return Outcome.failed(Status.INVAL);
        }
        attached.setRelease(request.endpoint(), null);
        leave(request.endpoint(), domain);
        return Outcome.REVOKED;
    }

    /** A domain ends with its last endpoint. */
    private void leave(int endpoint, Domain domain) {
        if (domain.detach()) {
            domains.remove(domainIds[endpoint]);
            mappings -= domain.size();
        }
    }

    Outcome map(Request.Map request, long features) {
        boolean mayMmio = (features & Feature.MMIO) != 0;
        long known =
                Request.Map.READ.mask()
                        | Request.Map.WRITE.mask()
                        | (mayMmio ? Request.Map.MMIO.mask() : 0);
        if ((request.flags() & ~known) != 0
                || Long.compareUnsigned(request.virtFirst(), request.virtLast()) >= 0) {
            return Outcome.failed(Status.INVAL);
        }
        Domain domain = domains.get(request.domain());
        if (domain == null) {
            return Outcome.failed(Status.NOENT);
        }
        if (domain.isBypass()) {
            return Outcome.failed(Status.INVAL);
        }
        IovaRange range = new IovaRange(request.virtFirst(), request.virtLast());
        long physLast = request.phys() + (range.last() - range.first());
        if (!range.isAligned(config.granule())
                || (request.phys() & config.granule() - 1) != 0
                || Long.compareUnsigned(physLast, request.phys()) < 0
                || !config.inputRange().contains(range)) {
            return Outcome.failed(Status.RANGE);
        }
        for (ReservedRegion region : config.reserved()) {
            if (region.range().overlaps(range)) {
                return Outcome.failed(Status.INVAL);
            }
        }
        if (mappings >= config.limits().mappings()) {
            return Outcome.failed(Status.NOMEM);
        }
        if (!domain.map(range, request.phys(), access(request))) {
            return Outcome.failed(Status.INVAL);
        }
        mappings++;
        return Outcome.DONE;
    }

    private static int access(Request.Map request) {
        return (Request.Map.READ.isSet(request.flags()) ? Translation.READ : 0)
                | (Request.Map.WRITE.isSet(request.flags()) ? Translation.WRITE : 0);
    }

    Outcome unmap(Request.Unmap request) {
        if (request.reserved() != 0
                || Long.compareUnsigned(request.virtFirst(), request.virtLast()) > 0) {
            return Outcome.failed(Status.INVAL);
        }
        Domain domain = domains.get(request.domain());
        if (domain == null) {
            return Outcome.failed(Status.NOENT);
        }
        if (domain.isBypass()) {
            return Outcome.failed(Status.INVAL);
        }
        IovaRange range = new IovaRange(request.virtFirst(), request.virtLast());
        if (domain.splits(range)) {
            return Outcome.failed(Status.RANGE);
        }
        int removed = domain.unmap(range);
        mappings -= removed;
        return removed > 0 ? Outcome.REVOKED : Outcome.DONE;
    }
}
