package nestor.virtio.iommu;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** What the device does with each request, whatever queue it came from. Loop only. */
final class Requests {
    private final AddressSpaces spaces;
    private final Mappings mappings;
    private final Properties properties;
    private final @Nullable TableDomains tables;
    private final Properties tableProperties;

    /**
     * @param properties of endpoints without table support
     * @param tableProperties of those with it
     */
    Requests(
            AddressSpaces spaces,
            Properties properties,
            @Nullable TableDomains tables,
            Properties tableProperties) {
        this.spaces = spaces;
        this.mappings = new Mappings(spaces);
        this.properties = properties;
        this.tables = tables;
        this.tableProperties = tableProperties;
    }

    /** Whether the type exists with the features negotiated. */
    static boolean isKnown(Request decoded, Negotiated features) {
        return switch (decoded) {
            case Request.Attach _, Request.Detach _ -> true;
            case Request.Map _, Request.Unmap _ -> features.mapUnmap();
            case Request.Probe _ -> features.probe();
            case TableRequest.AttachTable _, TableRequest.Invalidate _ -> features.attachTable();
            case TableRequest.PageResponse _ -> features.pageRequest();
            case Request.Truncated(int type) ->
                    switch (type) {
                        case Request.MAP, Request.UNMAP -> features.mapUnmap();
                        case Request.PROBE -> features.probe();
                        case TableRequest.ATTACH_TABLE, TableRequest.INVALIDATE ->
                                features.attachTable();
                        case TableRequest.PAGE_RESPONSE -> features.pageRequest();
                        default -> true;
                    };
            case Request.Unknown _ -> false;
        };
    }

    /**
     * Applies a request.
     *
     * @param reply where properties go
     * @param propertyBytes room for them
     */
    Outcome apply(Request decoded, Negotiated features, MemorySegment reply, long propertyBytes) {
        return switch (decoded) {
            case Request.Attach attach -> spaces.attach(attach, features);
            case Request.Detach detach -> spaces.detach(detach);
            case Request.Map map -> mappings.map(map, features);
            case Request.Unmap unmap -> mappings.unmap(unmap);
            case Request.Probe probe -> probe(probe, reply, propertyBytes);
            case TableRequest request -> apply(request);
            case Request.Truncated _, Request.Unknown _ -> Outcome.failed(Status.INVAL);
        };
    }

    private Outcome apply(TableRequest request) {
        TableDomains domains = tables;
        if (domains == null) {
            throw new IllegalStateException("a profile without tables decodes no such request");
        }
        return switch (request) {
            case TableRequest.AttachTable attach -> domains.attach(attach);
            case TableRequest.Invalidate invalidate -> domains.invalidate(invalidate);
            case TableRequest.PageResponse response ->
                    new Outcome(domains.respond(response), false);
        };
    }

    private Outcome probe(Request.Probe probe, MemorySegment reply, long propertyBytes) {
        if (!spaces.hasEndpoint(probe.endpoint())) {
            return Outcome.failed(Status.NOENT);
        }
        boolean supported = tables != null && tables.supports(probe.endpoint());
        Properties told = supported ? tableProperties : properties;
        if (told.sizeBytes() > propertyBytes) {
            return Outcome.failed(Status.INVAL);
        }
        told.copyTo(reply);
        return Outcome.DONE;
    }
}
