/**
 * The generic Address Translation Cache, and the device's side of ATS and PRI (PCIe Base 6.0,
 * chapter 10). Called by endpoints on their own loops, and by the bus with the messages of the
 * translation agent on its threads.
 */
package nestor.atc;
