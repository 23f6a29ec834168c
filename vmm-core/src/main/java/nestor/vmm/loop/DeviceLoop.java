package nestor.vmm.loop;

/**
 * A device's mailbox: its tasks run one at a time, in order, on one owner at a time. No lock may be
 * held when posting; a task never waits for its poster.
 */
public interface DeviceLoop {
    /** Runs {@code task} after all tasks posted before it. Any thread. */
    void post(Runnable task);

    /** Whether the calling thread is the loop's owner now, that is, inside a task. */
    boolean inLoop();
}
