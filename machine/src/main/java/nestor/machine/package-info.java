/**
 * Machines: a board with its memory map, devices made by name, the boot protocol, and the threads
 * that run it. Called by the command line; {@link nestor.machine.Machine#run} blocks its caller and
 * starts one platform thread per vCPU.
 */
package nestor.machine;
