package nestor.virtio.iommu;

/**
 * What a {@link VirtioIommu} has counted since it was made, refused requests included; the numbers
 * are not of one instant.
 *
 * @param attaches ATTACH and ATTACH_TABLE
 * @param maps MAP
 * @param unmaps UNMAP
 * @param invalidations INVALIDATE
 * @param pageRequests reported to the driver
 * @param pageResponses PAGE_RESP
 */
public record VirtioIommuStatistics(
        long attaches,
        long maps,
        long unmaps,
        long invalidations,
        long pageRequests,
        long pageResponses) {}
