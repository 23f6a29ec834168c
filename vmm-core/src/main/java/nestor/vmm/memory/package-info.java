/**
 * Guest-physical RAM. Called by every device, page walker and CPU, on any thread.
 *
 * <p>Addresses are GPAs ({@code long}, unsigned); values are little-endian.
 */
package nestor.vmm.memory;
