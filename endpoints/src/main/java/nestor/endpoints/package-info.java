/**
 * PCI endpoints: devices that reach memory only through the bus and its IOMMU.
 *
 * <p>Each does its work on its own {@link nestor.vmm.loop.DeviceLoop}; register accesses come on
 * the vCPU's thread, or on that of a function whose DMA hits the device's BAR.
 */
package nestor.endpoints;
