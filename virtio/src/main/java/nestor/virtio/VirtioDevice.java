package nestor.virtio;

import nestor.vmm.mmio.MmioRegion;

/**
 * What a device type is to its transport. The identification methods are asked once; {@link
 * #start}, {@link #serve} and {@link #stop} run on the device's loop, never two at a time, never
 * with a lock held.
 */
public interface VirtioDevice {
    /** Device type (virtio 1.3 chapter 5). */
    int deviceId();

    /** PCI Class Code, 24 bits. */
    int classCode();

    /** Feature bits of the device type that are offered. */
    long features();

    /** Largest size of each virtqueue, a power of two; the array's length is their number. */
    int[] queueSizes();

    /** Bytes of device-specific configuration; 0 if there is none. */
    int configBytes();

    /** Device-specific configuration. vCPU thread. */
    MmioRegion config();

    /** The driver is ready (DRIVER_OK): queues are live from now on. */
    void start(DriverLink link);

    /**
     * Serves queue {@code index}: takes buffers while {@link Virtqueue#next} gives some, and
     * completes them, now or in a later call. The transport publishes completions after the call.
     */
    void serve(int index, Virtqueue queue);

    /** Device reset (§2.4): forgets the link and every buffer taken. */
    void stop();

    /**
     * After {@link #stop}, runs {@code stopped} once nothing of what the device did before goes on;
     * only then the driver reads a device_status of 0. Now, or later on any thread.
     */
    default void whenStopped(Runnable stopped) {
        stopped.run();
    }
}
