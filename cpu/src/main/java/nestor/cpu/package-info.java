/**
 * What software CPUs of every architecture share: raw host memory, the software TLB, blocks of
 * decoded instructions keyed by guest-physical address, the virtual-address jump cache in front of
 * them, and the domain in which several vCPUs see each other's maintenance operations.
 *
 * <p>Everything here belongs to one vCPU and its thread, except {@link nestor.cpu.CodePages} and
 * {@link nestor.cpu.ShareableDomain}, which all vCPUs of a machine share.
 */
package nestor.cpu;
