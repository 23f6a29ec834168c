package nestor.machine;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import nestor.iommu.IovaRange;
import nestor.virtio.iommu.ReservedRegion;

/** The property {@code reserved-regions.N=low:high:type} of {@code virtio-iommu-pci}. */
final class ReservedRegions {
    static final String NAME = "reserved-regions";
    static final String LENGTH = "len-reserved-regions";
    static final Pattern SYNTAX =
            Pattern.compile("(?:0x)?([0-9a-fA-F]{1,16}):(?:0x)?([0-9a-fA-F]{1,16}):([01])");

    /** As many as a PROBE request has room for (virtio 1.3 §5.13.6.8). */
    private static final int MAX_REGIONS = 21;

    private static final int HEXADECIMAL = 16;

    private ReservedRegions() {}

    /**
     * The regions that the user named, and the board's.
     *
     * @param messages where interrupt messages go untranslated, if there is such a range: a region
     *     unless the user named one that overlaps it
     */
    static List<ReservedRegion> of(
            DeviceOptions options, long granule, Optional<IovaRange> messages)
            throws ConfigException {
        List<String> names = options.elements(NAME);
        String length = options.text(LENGTH);
        if (!length.isEmpty() && options.number(LENGTH) != names.size()) {
            throw options.wrong(LENGTH, "%d regions are given".formatted(names.size()));
        }
        if (names.size() + messages.stream().count() > MAX_REGIONS) {
            throw options.wrong(names.getLast(), "at most %d regions".formatted(MAX_REGIONS));
        }
        List<ReservedRegion> regions = new ArrayList<>();
        for (String name : names) {
            regions.add(region(options, name, granule, regions));
        }
        messages.filter(range -> regions.stream().noneMatch(r -> r.range().overlaps(range)))
                .ifPresent(range ->
                        regions.add(new ReservedRegion(ReservedRegion.Subtype.MSI, range)));
        return regions;
    }

    private static ReservedRegion region(
            DeviceOptions options, String name, long granule, List<ReservedRegion> before)
            throws ConfigException {
        Matcher fields = SYNTAX.matcher(options.text(name));
        if (!fields.matches()) {
            throw new IllegalStateException("unchecked: " + name);
        }
        long low = Long.parseUnsignedLong(fields.group(1), HEXADECIMAL);
        long high = Long.parseUnsignedLong(fields.group(2), HEXADECIMAL);
        if (Long.compareUnsigned(low, high) > 0) {
            throw options.wrong(name, "low is above high");
        }
        IovaRange range = new IovaRange(low, high);
        if (!range.isAligned(granule)) {
            throw options.wrong(name, "not made of whole pages of %d bytes".formatted(granule));
        }
        if (range.equals(IovaRange.ALL)) {
            throw options.wrong(name, "nothing is left to map");
        }
        if (before.stream().anyMatch(other -> other.range().overlaps(range))) {
            throw options.wrong(name, "overlaps another region");
        }
        ReservedRegion.Subtype subtype =
                fields.group(3).equals("1")
                        ? ReservedRegion.Subtype.MSI
                        : ReservedRegion.Subtype.RESERVED;
        return new ReservedRegion(subtype, range);
    }
}
