package nestor.virtio.iommu.table;

/** What kinds of tables a guest can attach. */
public enum TableKind {
    /** One stage-1 table in the Arm 64-bit LPAE format, for requests without PASID. */
    ARM_LPAE,
    /** A table of SMMUv3 Context descriptors: one stage-1 table for each PASID. */
    ARM_SMMUV3,
    /** One first-stage table of VT-d, for one PASID or for requests without. */
    VTD_FIRST_STAGE
}
