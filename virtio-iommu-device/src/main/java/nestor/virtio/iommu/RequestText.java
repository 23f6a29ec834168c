package nestor.virtio.iommu;

import nestor.iommu.oracle.CommandText;

/** Requests by the names of §5.13.6 and of the drafts, with their operands. */
final class RequestText {
    private RequestText() {}

    static String of(Request request) {
        return CommandText.of(name(request), (Record) request).replace(", malformed=false", "");
    }

    private static String name(Request request) {
        return switch (request) {
            case Request.Attach _ -> "ATTACH";
            case Request.Detach _ -> "DETACH";
            case Request.Map _ -> "MAP";
            case Request.Unmap _ -> "UNMAP";
            case Request.Probe _ -> "PROBE";
            case TableRequest.AttachTable _ -> "ATTACH_TABLE";
            case TableRequest.Invalidate _ -> "INVALIDATE";
            case TableRequest.PageResponse _ -> "PAGE_RESPONSE";
            case Request.Truncated _ -> "truncated request";
            case Request.Unknown _ -> "unknown request";
        };
    }
}
