package nestor.vmm.vcpu;

import org.jspecify.annotations.Nullable;

/** Why {@link Vcpu#run} returned. MMIO never shows here: a vCPU resolves it on its own bus. */
public sealed interface VcpuExit {
    /**
     * The guest or the host turned this vCPU off; {@code run} may be called again after a reset.
     */
    record Stopped() implements VcpuExit {}

    /**
     * The host asked for a look; the guest goes on where it was when {@code run} is called again.
     */
    record Paused() implements VcpuExit {}

    /** The guest asked for power-off (Arm: PSCI SYSTEM_OFF). */
    record Shutdown() implements VcpuExit {}

    /** The guest asked for a reset (Arm: PSCI SYSTEM_RESET). */
    record Reset() implements VcpuExit {}

    /**
     * The guest ended the machine through a debug exit port.
     *
     * @param status what it wrote, as an exit status
     */
    record DebugExit(int status) implements VcpuExit {}

    /**
     * What was asked of the {@link DebugPort} has come about. Nothing is lost: {@code run} goes on
     * where it was.
     */
    record Debugged(DebugStop stop) implements VcpuExit {}

    /**
     * This kind of vCPU cannot go on, through no fault of the guest: the host refused, or the
     * hypervisor met an instruction it does not know. The machine's state is lost.
     *
     * @param reason one line for the user
     */
    record Failed(String reason) implements VcpuExit {}

    /**
     * Which of two requests {@link Vcpu#run} returns.
     *
     * @param pending the earlier one; null if there is none
     */
    static VcpuExit first(@Nullable VcpuExit pending, VcpuExit next) {
        return pending == null || pending instanceof Paused ? next : pending;
    }
}
