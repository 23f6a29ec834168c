package nestor.virtio;

/**
 * Size and place of a split virtqueue as the driver configured it (virtio 1.3 §2.7).
 *
 * @param size entries, a power of two, 1..32768
 * @param descriptorTable address of the Descriptor Table, {@code 16 * size} bytes
 * @param availableRing address of the Available Ring, {@code 6 + 2 * size} bytes
 * @param usedRing address of the Used Ring, {@code 6 + 8 * size} bytes
 */
public record VirtqueueLayout(int size, long descriptorTable, long availableRing, long usedRing) {
    /** The largest Queue Size (§2.7). */
    public static final int MAX_SIZE = 32768;

    public VirtqueueLayout {
        if (!isSize(size)) {
            throw new IllegalArgumentException("no Queue Size: " + size);
        }
    }

    /** Whether {@code size} may be a Queue Size. */
    public static boolean isSize(int size) {
        return size > 0 && size <= MAX_SIZE && Integer.bitCount(size) == 1;
    }

    long descriptor(int index) {
        return descriptorTable + 16L * index;
    }

    long availableFlags() {
        return availableRing;
    }

    long availableIndex() {
        return availableRing + 2;
    }

    long availableEntry(int index) {
        return availableRing + 4 + 2L * (index & (size - 1));
    }

    /** §2.7.7: where the driver says after which used entry it wants an interrupt. */
    long usedEvent() {
        return availableRing + 4 + 2L * size;
    }

    long usedFlags() {
        return usedRing;
    }

    long usedIndex() {
        return usedRing + 2;
    }

    long usedEntry(int index) {
        return usedRing + 4 + 8L * (index & (size - 1));
    }

    /** §2.7.10: where the device says after which available entry it wants a notification. */
    long availableEvent() {
        return usedRing + 4 + 8L * size;
    }
}
