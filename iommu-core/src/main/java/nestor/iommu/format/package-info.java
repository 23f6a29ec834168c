/**
 * Structures that more than one model reads: the Context descriptor of the Arm SMMUv3 architecture
 * (IHI 0070, issue G.b, §5.4), which virtio-iommu shares, and the PASID-table entry of Intel VT-d
 * (revision 4.1, §9.6). Decoders are total and pure; whether a value is legal is the model's to
 * judge, because it depends on what the model advertises. Any thread.
 */
package nestor.iommu.format;
