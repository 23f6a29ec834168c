package nestor.iommu.host;

/** What a host's IOMMU can do for a guest, as its kernel tells (IOMMU_GET_HW_INFO). */
public sealed interface HostCapabilities {
    /** An IOMMU that does not nest, or of a kind that is not known here. */
    record None() implements HostCapabilities {}

    /**
     * VT-d.
     *
     * @param cap CAP_REG
     * @param ecap ECAP_REG
     * @param maxPasidLog2 bits of a PASID, 0 without
     */
    record Vtd(long cap, long ecap, int maxPasidLog2) implements HostCapabilities {}

    /**
     * SMMUv3.
     *
     * @param idr0 SMMU_IDR0, of which TERM_MODEL, STALL_MODEL, TTENDIAN, CD2L, ASID16, TTF count
     * @param idr1 SMMU_IDR1: SIDSIZE, SSIDSIZE
     * @param idr3 SMMU_IDR3: BBML, RIL
     * @param idr5 SMMU_IDR5: VAX, GRAN64K, GRAN16K, GRAN4K, DS
     * @param maxPasidLog2 bits of a PASID, 0 without
     */
    record SmmuV3(int idr0, int idr1, int idr3, int idr5, int maxPasidLog2)
            implements HostCapabilities {}
}
