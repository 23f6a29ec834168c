package nestor.virtio.iommu;

import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.function.IntPredicate;
import nestor.iommu.Iotlb;
import nestor.iommu.IovaRange;
import nestor.iommu.Tags;
import nestor.iommu.host.HostBinding;
import nestor.iommu.host.HostException;
import nestor.iommu.host.Stage1Intent;
import nestor.pci.Chaos;
import nestor.pci.Requester;
import nestor.virtio.iommu.table.SpaceTag;
import org.jspecify.annotations.Nullable;

/**
 * Domains, and which endpoint is attached to which (§5.13.6.3, §5.13.6.4): on the device's loop.
 * Lookups by endpoint come from any thread.
 */
final class AddressSpaces {
    /** Endpoint ids are Requester IDs. */
    private static final int ENDPOINTS = 1 << 16;

    private static final int IOTLB_ENTRIES = 4096;

    /** Told when an endpoint leaves a domain: of tables, if it is one. */
    interface Departures {
        void left(int endpoint, int pasid, Domain domain);
    }

    private final VirtioIommuConfig config;
    private final IntPredicate exists;
    private final Chaos chaos;
    private final Iotlb iotlb = new Iotlb(IOTLB_ENTRIES);
    private final Map<Integer, Domain> domains = new HashMap<>();
    private final AtomicReferenceArray<@Nullable Attachment> attached =
            new AtomicReferenceArray<>(ENDPOINTS);
    private Departures departures = (_, _, _) -> {};
    private @Nullable HostBinding host;
    private int mappings;
    private int nextSerial;

    AddressSpaces(VirtioIommuConfig config, IntPredicate exists, Chaos chaos) {
        this.config = config;
        this.exists = exists;
        this.chaos = chaos;
    }

    /** Has departures told, and assigned endpoints kept; once, before the first request. */
    void tell(Departures newDepartures, HostBinding newHost) {
        departures = newDepartures;
        host = newHost;
    }

    /** States what {@code endpoint}, which is assigned from now on, is attached to. */
    void assigned(int endpoint) throws HostException {
        for (Domain domain : attachment(endpoint).domains()) {
            intend(endpoint, pasidOf(domain), domain.intent());
        }
    }

    private void intend(int endpoint, int pasid, Stage1Intent intent) throws HostException {
        if (host != null) {
            host.intend(endpoint, pasid, intent);
        }
    }

    boolean hasEndpoint(int endpoint) {
        return isEndpoint(endpoint) && exists.test(endpoint);
    }

    private static boolean isEndpoint(int endpoint) {
        return endpoint >= 0 && endpoint < ENDPOINTS;
    }

    /**
     * The domain that translates requests of {@code endpoint} with {@code pasid}, null if none
     * does. Any thread, and after {@link nestor.pci.Quiescence#enter}: whoever detached it then
     * waits for the DMA, or is seen here.
     */
    @Nullable Domain of(int endpoint, int pasid) {
        Attachment attachment = attached.get(endpoint);
        return attachment == null ? null : attachment.translating(pasid);
    }

    /** What {@code endpoint} is attached to. */
    Attachment attachment(int endpoint) {
        Attachment attachment = attached.get(endpoint);
        return attachment == null ? Attachment.NONE : attachment;
    }

    /** The domain with the driver's number {@code id}, null if there is none. */
    @Nullable Domain domain(int id) {
        return domains.get(id);
    }

    Iotlb iotlb() {
        return iotlb;
    }

    VirtioIommuConfig config() {
        return config;
    }

    Chaos chaos() {
        return chaos;
    }

    /** Drops all that is cached. Any thread. */
    void forget() {
        iotlb.invalidate(Tags.ALL, IovaRange.ALL);
        for (int endpoint = 0; endpoint < ENDPOINTS; endpoint++) {
            for (Domain domain : attachment(endpoint).domains()) {
                if (domain instanceof TableDomain table) {
                    table.space().dropContexts();
                    table.space().dropTables();
                }
            }
        }
    }

    /** Counts mappings that come and go; false if there are too many. */
    boolean countMappings(int change) {
        if (change > 0 && mappings >= config.limits().mappings()) {
            return false;
        }
        mappings += change;
        return true;
    }

    /** Forgets everything the driver did. */
    void reset() {
        for (int endpoint = 0; endpoint < ENDPOINTS; endpoint++) {
            Attachment attachment = attached.get(endpoint);
            if (attachment != null) {
                attached.set(endpoint, null);
                for (Domain domain : attachment.domains()) {
                    departures.left(endpoint, pasidOf(domain), domain);
                    block(endpoint, pasidOf(domain));
                }
            }
        }
        iotlb.invalidate(Tags.ALL, IovaRange.ALL);
        domains.clear();
        mappings = 0;
    }

    Outcome attach(Request.Attach request, Negotiated features) {
        long known = features.bypass() ? Request.Attach.BYPASS.mask() : 0;
        boolean bypass = Request.Attach.BYPASS.isSet(request.flags());
        if (request.reserved() != 0 || (request.flags() & ~known) != 0) {
            return Outcome.failed(Status.INVAL);
        }
        Status refusal = refusal(request.endpoint(), request.domain());
        if (refusal != Status.OK) {
            return Outcome.failed(refusal);
        }
        return switch (domains.get(request.domain())) {
            case null ->
                    enter(
                            request.endpoint(),
                            new MappedDomain(request.domain(), newSerial(), bypass, iotlb, chaos));
            case MappedDomain domain when domain.isBypass() == bypass ->
                    enter(request.endpoint(), domain);
            case MappedDomain _, TableDomain _ -> Outcome.failed(Status.INVAL);
        };
    }

    /** Why {@code endpoint} cannot be attached to a domain of this number, or OK. */
    Status refusal(int endpoint, int domain) {
        if (!hasEndpoint(endpoint)) {
            return Status.NOENT;
        }
        if (!config.hasDomain(domain)) {
            return Status.RANGE;
        }
        return !domains.containsKey(domain) && domains.size() >= config.limits().domains()
                ? Status.NOMEM
                : Status.OK;
    }

    /**
     * A number for {@link SpaceTag} that no domain has. The numbers come round after some ten
     * million domains; nothing of an earlier one's translations is then left.
     */
    int newSerial() {
        do {
            nextSerial = nextSerial + 1 & SpaceTag.SERIALS - 1;
            if (nextSerial == 0) {
                iotlb.invalidate(Tags.ALL, IovaRange.ALL);
            }
        } while (domains.values().stream().anyMatch(domain -> domain.serial() == nextSerial));
        return nextSerial;
    }

    /** Attaches {@code endpoint} to a domain, new or not, in place of what it is attached to. */
    Outcome enter(int endpoint, Domain domain) {
        int pasid = pasidOf(domain);
        Attachment now = attachment(endpoint);
        Domain before = now.at(pasid);
        if (before == domain) {
            return restate(endpoint, pasid, domain);
        }
        domains.put(domain.id(), domain);
        domain.attach(endpoint);
        attached.set(endpoint, now.with(pasid, domain));
        if (before != null) {
            leave(endpoint, before);
        }
        try {
            intend(endpoint, pasid, domain.intent());
        } catch (HostException _) { // the function is blocked, and the driver told
            attached.set(endpoint, attachment(endpoint).with(pasid, null));
            leave(endpoint, domain);
            return new Outcome(Status.DEVERR, true);
        }
        return Outcome.REVOKED; // of its former domain, or of bypass
    }

    /** What the host would not keep may have been blocked: attaching again is another attempt. */
    private Outcome restate(int endpoint, int pasid, Domain domain) {
        try {
            intend(endpoint, pasid, domain.intent());
            return Outcome.DONE;
        } catch (HostException _) {
            return Outcome.failed(Status.DEVERR);
        }
    }

    /** The PASID of an endpoint that {@code domain} is for. */
    private static int pasidOf(Domain domain) {
        return domain instanceof TableDomain table
                ? table.descriptor().pasid()
                : Requester.NO_PASID;
    }

    /**
     * §5.13.6.4. A device that was pulled still exists here until it is detached: what is detached
     * is the attachment. Linux takes NOENT for a bug of its own, with a stack trace.
     */
    Outcome detach(Request.Detach request) {
        int endpoint = request.endpoint();
        Attachment now = isEndpoint(endpoint) ? attachment(endpoint) : Attachment.NONE;
        if (!hasEndpoint(endpoint) && now.isEmpty()) {
            return Outcome.failed(Status.NOENT);
        }
        Domain domain = domains.get(request.domain());
        if (domain == null || now.at(pasidOf(domain)) != domain) {
            return Outcome.failed(Status.INVAL);
        }
        int pasid = pasidOf(domain);
        Attachment left = now.with(pasid, null);
        attached.set(endpoint, left.isEmpty() ? null : left);
        leave(endpoint, domain);
        return block(endpoint, pasid) ? Outcome.REVOKED : new Outcome(Status.DEVERR, true);
    }

    private boolean block(int endpoint, int pasid) {
        try {
            intend(endpoint, pasid, Stage1Intent.BLOCKED);
            return true;
        } catch (HostException _) {
            return false;
        }
    }

    /** A domain ends with its last endpoint. */
    private void leave(int endpoint, Domain domain) {
        if (domain.detach(endpoint)) {
            domains.remove(domain.id());
            if (domain instanceof MappedDomain mapped) {
                mappings -= mapped.size();
            }
        }
        departures.left(endpoint, pasidOf(domain), domain);
    }
}
