package nestor.pci;

/**
 * What waits for a request that its translation agent has stalled until software has seen the fault
 * (IHI 0070, §3.12.2). A PCIe link cannot do that, as a request must not wait for another; an
 * integrated endpoint can.
 *
 * <p>One of the methods is called, once, on any thread and with no lock held, possibly before the
 * call that stalled has returned.
 */
public interface StalledTransaction {
    /** To be sent again: it is translated as if it had just arrived. */
    void retry();

    /**
     * Over, without effect.
     *
     * @param status CA; or SC, and then what was read is zeros
     */
    void terminate(CompletionStatus status);
}
