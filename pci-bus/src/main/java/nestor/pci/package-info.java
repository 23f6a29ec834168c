/**
 * PCI Express as endpoints and IOMMUs see it (PCI Express Base Specification, revision 6.0).
 *
 * <p>Requests run on the thread that makes them; configuration accesses on the vCPU's.
 */
package nestor.pci;
