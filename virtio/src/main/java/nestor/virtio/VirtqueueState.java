package nestor.virtio;

/**
 * A virtqueue at one moment: for people.
 *
 * @param index of the queue in its device
 * @param size entries of its rings; 0 while the driver has not enabled it
 * @param available index of the driver's, as the device has last read it
 * @param used index of the device's
 */
public record VirtqueueState(int index, int size, int available, int used) {
    /** Buffers that the device has seen and not returned. */
    public int waiting() {
        return available - used & 0xffff;
    }
}
