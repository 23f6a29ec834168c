package nestor.iommu.host;

import nestor.iommu.IovaRange;

/** What the host is to forget. */
public sealed interface HostInvalidation {
    /**
     * Translations of a nested domain, with the Device-TLBs behind it
     * (IOMMU_HWPT_INVALIDATE_DATA_VTD_S1).
     *
     * @param range whole pages; {@link IovaRange#ALL} for the whole domain
     * @param leafOnly whether intermediate tables are unchanged
     */
    record VtdRange(IovaRange range, boolean leafOnly) implements HostInvalidation {}

    /**
     * A guest's command as it stands in its Command queue; the host puts in its own VMID and
     * StreamID (IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3).
     */
    record SmmuV3Command(long word0, long word1) implements HostInvalidation {}
}
