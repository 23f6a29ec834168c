package nestor.machine;

/** How a run of a {@link Machine} ended. */
public sealed interface MachineOutcome {
    /** The guest powered the machine off. */
    record PoweredOff() implements MachineOutcome {}

    /** The guest asked for a reset and {@link MachineConfig#noReboot} is set. */
    record ResetRequested() implements MachineOutcome {}

    /** {@link Machine#stop} was called. */
    record Stopped() implements MachineOutcome {}

    /** A bug of ours: an exception escaped from a device, a loop or a vCPU. */
    record Failed(Throwable cause) implements MachineOutcome {}
}
