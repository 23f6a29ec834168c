package nestor.virtio.iommu;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.SplittableRandom;
import nestor.pci.Chaos;
import nestor.pci.ChaosKey;
import nestor.virtio.DescriptorChain;
import nestor.virtio.DriverMemory;
import nestor.virtio.Virtqueue;

/**
 * Buffers on their way back to the driver: at once, or with {@link ChaosKey#REQUESTS_REORDERED}
 * some at a time in another order, as is allowed without VIRTIO_F_IN_ORDER (§2.7.9). Loop only.
 */
final class Returns {
    /** Buffers that wait for each other. */
    private static final int MOST = 8;

    private record Used(DescriptorChain buffer, long writtenBytes) {}

    private final Chaos chaos;
    private final DriverMemory memory;
    private final List<Used> held = new ArrayList<>();

    Returns(Chaos chaos, DriverMemory memory) {
        this.chaos = chaos;
        this.memory = memory;
    }

    /**
     * Returns {@code buffer}, soon.
     *
     * @return a chain for the next buffer; the same one if it is free
     */
    DescriptorChain add(Virtqueue queue, DescriptorChain buffer, long writtenBytes) {
        if (held.isEmpty() && !chaos.has(ChaosKey.REQUESTS_REORDERED)) {
            queue.complete(buffer, writtenBytes);
            return buffer;
        }
        held.add(new Used(buffer, writtenBytes));
        if (held.size() == MOST) {
            flush(queue);
        }
        return new DescriptorChain(memory);
    }

    /** Returns those that wait. */
    void flush(Virtqueue queue) {
        if (held.size() > 1 && chaos.strikes(ChaosKey.REQUESTS_REORDERED, 1)) {
            Collections.shuffle(held, new SplittableRandom(chaos.below(Long.MAX_VALUE)));
        }
        held.forEach(used -> queue.complete(used.buffer(), used.writtenBytes()));
        held.clear();
    }
}
