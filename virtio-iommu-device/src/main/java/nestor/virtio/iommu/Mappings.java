package nestor.virtio.iommu;

import nestor.iommu.IovaRange;
import nestor.pci.Translation;

/** MAP and UNMAP (§5.13.6.5, §5.13.6.6): validates and applies, on the device's loop. */
final class Mappings {
    private final AddressSpaces spaces;
    private final VirtioIommuConfig config;

    Mappings(AddressSpaces spaces) {
        this.spaces = spaces;
        this.config = spaces.config();
    }

    Outcome map(Request.Map request, Negotiated features) {
        long known =
                Request.Map.READ.mask()
                        | Request.Map.WRITE.mask()
                        | (features.mmio() ? Request.Map.MMIO.mask() : 0);
        if ((request.flags() & ~known) != 0
                || Long.compareUnsigned(request.virtFirst(), request.virtLast()) >= 0) {
            return Outcome.failed(Status.INVAL);
        }
        return switch (spaces.domain(request.domain())) {
            case null -> Outcome.failed(Status.NOENT);
            case MappedDomain domain when !domain.isBypass() -> map(domain, request);
            case MappedDomain _, TableDomain _ -> Outcome.failed(Status.INVAL);
        };
    }

    private Outcome map(MappedDomain domain, Request.Map request) {
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
        if (!spaces.countMappings(1)) {
            return Outcome.failed(Status.NOMEM);
        }
        if (!domain.map(range, request.phys(), access(request))) {
            spaces.countMappings(-1);
            return Outcome.failed(Status.INVAL);
        }
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
        return switch (spaces.domain(request.domain())) {
            case null -> Outcome.failed(Status.NOENT);
            case MappedDomain domain when !domain.isBypass() -> unmap(domain, request);
            case MappedDomain _, TableDomain _ -> Outcome.failed(Status.INVAL);
        };
    }

    private Outcome unmap(MappedDomain domain, Request.Unmap request) {
        IovaRange range = new IovaRange(request.virtFirst(), request.virtLast());
        if (domain.splits(range)) {
            return Outcome.failed(Status.RANGE);
        }
        int removed = domain.unmap(range);
        spaces.countMappings(-removed);
        return removed > 0 ? Outcome.REVOKED : Outcome.DONE;
    }
}
