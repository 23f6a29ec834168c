/**
 * The device's side of ATS and PRI (PCIe Base 6.0, chapter 10). {@link nestor.atc.Atc} caches
 * translations, {@link nestor.atc.PageRequests} asks for pages, and {@link nestor.atc.AtcDma} moves
 * data through both, which is all that most devices need.
 *
 * <p>A function makes one of each at its {@link nestor.pci.AtsPort}; the first two register there
 * for the messages of every PASID. When a PASID comes into use: {@code Atc.start}. When it goes:
 * cancel its transfers, {@code Atc.stop}, {@code PageRequests.stop}, and say so to software when
 * that has ended. When ATS is disabled or the function reset, the port tells them, and transfers
 * under way end by themselves.
 *
 * <p>Called by endpoints on their own loops, and by the bus with the messages of the translation
 * agent on its threads.
 */
package nestor.atc;
