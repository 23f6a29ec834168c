/**
 * Address spaces whose page tables the guest keeps in its own memory: what a driver attaches, how
 * it is walked, and what of it is cached. Formats are those of the Arm SMMUv3 (IHI 0070, issue
 * G.b), VMSAv8-64 (DDI 0487) and VT-d's first stage (revision 4.1); how a request of the
 * virtio-iommu names them is the enclosing package's business.
 *
 * <p>Changes come from the device's loop; any thread translates.
 */
package nestor.virtio.iommu.table;
