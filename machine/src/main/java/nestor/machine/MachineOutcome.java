package nestor.machine;

/** How a run of a {@link Machine} ended. */
public sealed interface MachineOutcome {
    /** The guest powered the machine off. */
    record PoweredOff() implements MachineOutcome {}

    /** The guest asked for a reset and {@link MachineConfig#noReboot} is set. */
    record ResetRequested() implements MachineOutcome {}

    /**
     * The guest ended the run through its debug exit port.
     *
     * @param status what it wrote, as an exit status: odd, 1 to 255
     */
    record Exited(int status) implements MachineOutcome {}

    /** {@link Machine#stop} was called. */
    record Stopped() implements MachineOutcome {}

    /**
     * The host or its hypervisor gave up on a vCPU: no fault of the guest's and no bug of ours.
     *
     * @param reason one line
     */
    record HostFailed(String reason) implements MachineOutcome {}

    /** A bug of ours: an exception escaped from a device, a loop or a vCPU. */
    record Failed(Throwable cause) implements MachineOutcome {}
}
