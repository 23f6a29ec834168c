package nestor.iommu.oracle;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import nestor.pci.Requester;
import nestor.pci.Translation;

/**
 * A translation that a cache may still use although the guest's tables say something else.
 *
 * @param iommu name of the unit
 * @param cache {@code IOTLB}, {@code ATC} or {@code configuration}
 * @param iova an address of the block where both differ
 * @param cached what was cached
 * @param current what the tables say: an address, or why there is none
 * @param cachedNanos when it was cached, in guest time
 * @param staleNanos when the difference was first seen, in guest time
 * @param reportedNanos guest time of the report
 * @param uses DMAs that were seen to use it since then
 * @param missing the commands one of which was left out
 * @param covering the command that did invalidate the address in the other cache
 * @param commands around the change, oldest first
 */
public record StaleReport(
        String iommu,
        String cache,
        Requester requester,
        long iova,
        Translation.Mapping cached,
        String current,
        long cachedNanos,
        long staleNanos,
        long reportedNanos,
        long uses,
        String missing,
        Optional<String> covering,
        List<String> commands) {
    public StaleReport {
        commands = List.copyOf(commands);
    }

    /** The device, as bus:device.function. */
    public String device() {
        int rid = requester.rid();
        return "%02x:%02x.%x".formatted(rid >>> 8 & 0xff, rid >>> 3 & 0x1f, rid & 7);
    }

    /** Whether the same command was left out for another page. */
    public boolean hasSameCause(StaleReport other) {
        return iommu.equals(other.iommu)
                && cache.equals(other.cache)
                && requester.equals(other.requester)
                && missing.equals(other.missing)
                && covering.equals(other.covering);
    }

    /** What is stale, on one line. */
    public String title() {
        String pasid = requester.hasPasid() ? " PASID " + requester.pasid() : "";
        return "%s: stale translation of %s%s, IOVA 0x%x, in the %s"
                .formatted(iommu, device(), pasid, iova, cache);
    }

    /** For people, line by line. */
    public List<String> lines() {
        List<String> lines = new ArrayList<>(List.of(title()));
        lines.add(
                "  0x%x %s, cached at %s; tables: %s, seen at %s"
                        .formatted(
                                cached.gpa(iova),
                                access(cached.access()),
                                seconds(cachedNanos),
                                current,
                                seconds(staleNanos)));
        lines.add(
                "  missing: "
                        + missing
                        + covering.map(c -> "; the address was in " + c).orElse(""));
        lines.add(
                "  still so at %s; DMAs that used it since: %d"
                        .formatted(seconds(reportedNanos), uses));
        commands.forEach(command -> lines.add("    " + command));
        return lines;
    }

    static String seconds(long nanos) {
        return String.format(Locale.ROOT, "%.6f s", nanos / 1e9);
    }

    /** As {@code rw-}. */
    public static String access(int access) {
        return ((access & Translation.READ) != 0 ? "r" : "-")
                + ((access & Translation.WRITE) != 0 ? "w" : "-")
                + ((access & Translation.EXECUTE) != 0 ? "x" : "-");
    }
}
