package nestor.vmm.vcpu;

/** Why {@link Vcpu#run} returned. MMIO never shows here: a vCPU resolves it on its own bus. */
public sealed interface VcpuExit {
    /**
     * The guest or the host turned this vCPU off; {@code run} may be called again after a reset.
     */
    record Stopped() implements VcpuExit {}

    /** The guest asked for power-off (Arm: PSCI SYSTEM_OFF). */
    record Shutdown() implements VcpuExit {}

    /** The guest asked for a reset (Arm: PSCI SYSTEM_RESET). */
    record Reset() implements VcpuExit {}
}
