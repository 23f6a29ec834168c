package nestor.vmm.interrupt;

/** Watches the wires that come into an interrupt controller. */
@FunctionalInterface
public interface LineWatcher {
    /**
     * A device drives a wire, perhaps as it was before. Any thread, no lock held.
     *
     * @param line its number, as the controller counts
     */
    void driven(int line, boolean asserted);
}
