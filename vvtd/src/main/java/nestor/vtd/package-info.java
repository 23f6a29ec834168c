/**
 * Virtualization Technology for Directed I/O: a remapping unit at register level (Intel document
 * D51397, revision 4.1). {@link nestor.vtd.VtdUnit} is the unit; its registers are what a driver
 * sees, and the bus knows it as a {@link nestor.pci.TranslationAgent} and as where interrupt
 * messages arrive.
 *
 * <p>DMA is translated on whatever thread does it; registers are written on vCPU threads; the
 * invalidation queue is served on the unit's loop.
 */
package nestor.vtd;
