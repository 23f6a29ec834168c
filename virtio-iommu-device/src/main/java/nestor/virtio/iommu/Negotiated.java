package nestor.virtio.iommu;

/**
 * What the features negotiated allow, whatever their bits are.
 *
 * @param mapUnmap MAP and UNMAP exist
 * @param mmio MAP may say MMIO
 * @param probe PROBE exists
 * @param bypass ATTACH may say BYPASS
 * @param attachTable ATTACH_TABLE and INVALIDATE exist
 * @param pageRequest page requests are reported, and PAGE_RESP exists
 */
record Negotiated(
        boolean mapUnmap,
        boolean mmio,
        boolean probe,
        boolean bypass,
        boolean attachTable,
        boolean pageRequest) {}
