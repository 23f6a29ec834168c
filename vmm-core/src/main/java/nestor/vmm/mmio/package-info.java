/** Routing of guest-physical MMIO to devices. Called by vCPU threads and by the PCI bus. */
package nestor.vmm.mmio;
