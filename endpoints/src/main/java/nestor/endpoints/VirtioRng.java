package nestor.endpoints;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.random.RandomGenerator;
import nestor.virtio.DescriptorChain;
import nestor.virtio.DriverLink;
import nestor.virtio.VirtioDevice;
import nestor.virtio.Virtqueue;
import nestor.vmm.mmio.MmioRegion;
import nestor.vmm.register.RegisterFile;
import org.jspecify.annotations.Nullable;

/**
 * An entropy device (virtio 1.3 §5.4). A buffer gets at most {@link #MAX_BYTES} random bytes, which
 * the specification allows, so that no guest can make one request long.
 */
public final class VirtioRng implements VirtioDevice {
    static final int MAX_BYTES = 4096;

    private static final int DEVICE_ID = 4;
    private static final int CLASS_CODE = 0x10_80_00; // other encryption controller
    private static final int QUEUE_SIZE = 64;

    private final RandomGenerator source;
    private @Nullable DescriptorChain chain;

    /**
     * @param source of the bytes: a {@link java.security.SecureRandom}, or a seeded one where runs
     *     must repeat
     */
    public VirtioRng(RandomGenerator source) {
        this.source = source;
    }

    @Override
    public int deviceId() {
        return DEVICE_ID;
    }

    @Override
    public int classCode() {
        return CLASS_CODE;
    }

    @Override
    public long features() {
        return 0;
    }

    @Override
    public int[] queueSizes() {
        return new int[] {QUEUE_SIZE};
    }

    @Override
    public int configBytes() {
        return 0;
    }

    @Override
    public MmioRegion config() {
        return new RegisterFile(1, 1, List.of());
    }

    @Override
    public void start(DriverLink link) {
        chain = new DescriptorChain(link.memory());
    }

    @Override
    public void stop() {
        chain = null;
    }

    @Override
    public void serve(int index, Virtqueue queue) {
        DescriptorChain buffer = chain;
        while (buffer != null && queue.next(buffer)) {
            byte[] bytes = new byte[(int) Math.min(MAX_BYTES, buffer.writableBytes())];
            source.nextBytes(bytes);
            boolean written = buffer.write(0, MemorySegment.ofArray(bytes));
            queue.complete(buffer, written ? bytes.length : 0);
        }
    }
}
