package nestor.virtio;

/** A device's way to its driver, from {@link VirtioDevice#start} to {@link VirtioDevice#stop}. */
public interface DriverLink {
    /** The features negotiated. */
    long features();

    /** Whether feature {@code mask} was negotiated. */
    default boolean has(long mask) {
        return (features() & mask) != 0;
    }

    /** Memory at the driver's addresses. */
    DriverMemory memory();

    /**
     * Has queue {@code index} served soon, on the device's loop, if the driver enabled it. Any
     * thread, no lock held; calls before the queue is served count once.
     */
    void kick(int index);

    /** Configuration Change Notification (§2.3): the device changed its configuration space. */
    void configChanged();
}
