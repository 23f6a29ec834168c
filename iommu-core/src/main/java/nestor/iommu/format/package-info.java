/**
 * Structures that more than one model reads: Context descriptors of the Arm SMMUv3 architecture and
 * the tables they lie in (IHI 0070, issue G.b, §5.3, §5.4), which virtio-iommu shares, TCR_EL1 (DDI
 * 0487), and the PASID-table entry of Intel VT-d (revision 4.1, §9.6). Decoders are total and pure;
 * whether a value is legal is the model's to judge, because it depends on what the model
 * advertises. Any thread.
 */
package nestor.iommu.format;
