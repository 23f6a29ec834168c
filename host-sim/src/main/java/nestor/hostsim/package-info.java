/**
 * A host with IOMMUs and devices to assign, in Java: {@link nestor.hostsim.SimulatedHost} answers
 * the system calls of iommufd, the VFIO cdev and the kernel's IOMMUFD_TEST operations with the
 * kernel's numbers (Linux 7.3), and its devices do DMA through both stages as hardware does: what
 * is cached stays until it is invalidated. For tests of models and of what drives the real kernel.
 */
package nestor.hostsim;
