package nestor.iommu.oracle;

/** Where a translation may be kept. */
public enum TranslationCache {
    /** In the IOMMU. */
    IOTLB,
    /** In the function: its Address Translation Cache (PCIe Base §10.1.2), or device TLB. */
    ATC
}
