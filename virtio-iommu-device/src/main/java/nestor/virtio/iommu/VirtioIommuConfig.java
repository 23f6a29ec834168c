package nestor.virtio.iommu;

import java.util.List;
import nestor.iommu.IovaRange;

/**
 * What a machine decides of its virtio-iommu.
 *
 * @param pageSizeMask page sizes; the lowest bit set is the granule, at least 4 KiB
 * @param inputRange IOVAs that can be mapped
 * @param firstDomain lowest domain id, unsigned
 * @param lastDomain highest domain id, inclusive, unsigned; Linux needs two
 * @param reserved regions that PROBE tells, for every endpoint
 * @param bootBypass whether endpoints reach memory untranslated until a driver says otherwise
 * @param limits against drivers that ask for ever more
 */
public record VirtioIommuConfig(
        long pageSizeMask,
        IovaRange inputRange,
        int firstDomain,
        int lastDomain,
        List<ReservedRegion> reserved,
        boolean bootBypass,
        Limits limits) {
    /**
     * Requests beyond these are answered NOMEM.
     *
     * @param domains that exist at a time
     * @param mappings that exist at a time, in all domains together
     */
    public record Limits(int domains, int mappings) {
        public static final Limits DEFAULT = new Limits(1024, 1 << 18);
    }

    /** Space for properties in a PROBE request: {@code probe_size}. */
    static final int PROBE_BYTES = 512;

    private static final int SMALLEST_GRANULE = 1 << 12;

    public VirtioIommuConfig {
        reserved = List.copyOf(reserved);
        long granule = Long.lowestOneBit(pageSizeMask);
        if (Long.compareUnsigned(granule, SMALLEST_GRANULE) < 0) {
            throw new IllegalArgumentException("the smallest page size is 4 KiB or more");
        }
        if (Integer.compareUnsigned(firstDomain, lastDomain) > 0) {
            throw new IllegalArgumentException("no domain ids");
        }
        if (reserved.size() * Properties.RESV_MEM_BYTES > PROBE_BYTES) {
            throw new IllegalArgumentException("too many reserved regions");
        }
        if (!reserved.stream().allMatch(region -> region.range().isAligned(granule))) {
            throw new IllegalArgumentException("a reserved region is not made of whole pages");
        }
    }

    /** 4 KiB pages, all addresses, all domain ids, nothing reserved. */
    public static VirtioIommuConfig defaults(boolean bootBypass) {
        return new VirtioIommuConfig(
                -SMALLEST_GRANULE, IovaRange.ALL, 0, -1, List.of(), bootBypass, Limits.DEFAULT);
    }

    long granule() {
        return Long.lowestOneBit(pageSizeMask);
    }

    boolean hasDomain(int domain) {
        return Integer.compareUnsigned(domain - firstDomain, lastDomain - firstDomain) <= 0;
    }
}
