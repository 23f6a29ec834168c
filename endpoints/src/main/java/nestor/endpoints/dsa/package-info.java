/**
 * Intel Data Streaming Accelerator, version 1.0 of its interface (Intel DSA Architecture
 * Specification, 341204, revision 1): registers, work queues, portals, descriptors and completion
 * records. Sections cite {@code docs/devices/dsa.md}, which names what the specification leaves to
 * the implementation and what was chosen.
 *
 * <p>Registers and portals are written on vCPU threads, under the device's lock, which is a leaf.
 * Everything else happens on the device's loop, one bounded turn at a time: commands, dispatch of
 * descriptors, their DMA, completion records and interrupts.
 */
package nestor.endpoints.dsa;
