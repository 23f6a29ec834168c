/**
 * The PCI transport of modern virtio devices (Virtual I/O Device (VIRTIO) Version 1.3, section
 * 4.1). Registers are accessed on vCPU threads; the device itself runs on its loop.
 */
package nestor.virtio.pci;
