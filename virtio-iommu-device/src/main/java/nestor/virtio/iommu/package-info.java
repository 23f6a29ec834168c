/**
 * The IOMMU device of Virtual I/O Device (VIRTIO) Version 1.3, section 5.13: requests that attach
 * endpoints to domains and map pages, translation of the endpoints' DMA, fault reports.
 *
 * <p>Requests are served on the device's loop: on the vCPU that rang the doorbell unless the loop
 * is busy, because drivers spin on the used ring with interrupts off. Translation runs on whatever
 * thread does DMA. Sections cited are of that document.
 */
package nestor.virtio.iommu;
