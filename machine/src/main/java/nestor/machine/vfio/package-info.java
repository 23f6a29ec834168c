/**
 * Functions of the host's that a guest has: their configuration space as the guest sees it, their
 * registers and interrupts by way of VFIO (linux/vfio.h; PCIe Base §7). Configuration accesses come
 * on vCPU threads, interrupts on the thread of {@link nestor.machine.vfio.EventReader}.
 */
@NullMarked
package nestor.machine.vfio;

import org.jspecify.annotations.NullMarked;
