/**
 * PCI endpoints: devices that reach memory only through the bus and its IOMMU. Virtio block,
 * console and entropy devices (Virtual I/O Device (VIRTIO) Version 1.3, sections 5.2, 5.3 and 5.4),
 * and a DMA test function.
 *
 * <p>Each does its work on its own {@link nestor.vmm.loop.DeviceLoop}; register accesses come on
 * the vCPU's thread, or on that of a function whose DMA hits the device's BAR.
 */
package nestor.endpoints;
