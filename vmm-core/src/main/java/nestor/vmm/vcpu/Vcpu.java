package nestor.vmm.vcpu;

import java.util.Optional;

/** A virtual CPU: KVM or software. */
public interface Vcpu {
    /**
     * Runs the guest on the calling thread until {@link #stop}. Sleeps while the guest waits for an
     * interrupt.
     */
    VcpuExit run();

    /**
     * Makes {@link #run} return {@code exit} soon. Of several, the first counts; any other counts
     * more than {@link VcpuExit.Paused}. Any thread, the vCPU's own included.
     */
    void stop(VcpuExit exit);

    /** Makes a sleeping or running vCPU look at its interrupts again. Any thread. */
    void kick();

    /** For a debugger; empty if this kind of vCPU has none. The same port each time. */
    default Optional<DebugPort> debugPort() {
        return Optional.empty();
    }
}
