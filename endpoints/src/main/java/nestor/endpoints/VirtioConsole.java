package nestor.endpoints;

import static nestor.vmm.register.Register.readOnly;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import nestor.virtio.DescriptorChain;
import nestor.virtio.DriverLink;
import nestor.virtio.VirtioDevice;
import nestor.virtio.Virtqueue;
import nestor.vmm.chardev.CharBackend;
import nestor.vmm.chardev.CharFrontend;
import nestor.vmm.mmio.MmioRegion;
import nestor.vmm.register.RegisterFile;
import org.jspecify.annotations.Nullable;

/**
 * A console with one port (virtio 1.3 §5.3), {@code hvc0} to Linux. Host input waits in a small
 * buffer until the driver leaves room; what does not fit stays with the back end.
 */
public final class VirtioConsole implements VirtioDevice, CharFrontend {
    private static final int DEVICE_ID = 3;
    private static final int CLASS_CODE = 0x07_80_00; // other communication controller
    private static final int RECEIVE = 0;
    private static final int TRANSMIT = 1;
    private static final int[] QUEUE_SIZES = {64, 64};

    private static final int INPUT_BYTES = 4096;
    private static final int STAGING_BYTES = 4096;

    /** Output taken in one go; a longer buffer goes on in a later one. */
    private static final int TRANSMIT_BUDGET_BYTES = 1 << 16;

    /** §5.3.4; cols and rows belong to a feature that is not offered. */
    private static final RegisterFile CONFIG =
            new RegisterFile(12, 1, List.of(readOnly("max_nr_ports", 4, 4, 1, "§5.3.4")));

    private final CharBackend backend;
    private final Object lock = new Object();
    private final byte[] input = new byte[INPUT_BYTES];
    private int inputStart;
    private int inputCount;

    /** Whether the back end was left with bytes, and waits to be called. */
    private boolean refused;

    private final byte[] bytes = new byte[STAGING_BYTES];
    private final MemorySegment staging = Arena.ofAuto().allocate(STAGING_BYTES, 8);
    private volatile @Nullable DriverLink link;
    private @Nullable DescriptorChain receiving;
    private @Nullable DescriptorChain transmitting;

    /** Progress in the buffer being transmitted; negative between buffers. */
    private long transmitted = -1;

    /** Connects itself to {@code backend}. */
    public VirtioConsole(CharBackend backend) {
        this.backend = backend;
        backend.connect(this);
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
        return QUEUE_SIZES.clone();
    }

    @Override
    public int configBytes() {
        return 12;
    }

    @Override
    public MmioRegion config() {
        return CONFIG;
    }

    @Override
    public void start(DriverLink driver) {
        receiving = new DescriptorChain(driver.memory());
        transmitting = new DescriptorChain(driver.memory());
        link = driver;
    }

    @Override
    public void stop() {
        link = null;
        receiving = null;
        transmitting = null;
        transmitted = -1;
    }

    @Override
    public int receive(byte[] data, int offset, int length) {
        int taken;
        synchronized (lock) {
            taken = Math.min(length, INPUT_BYTES - inputCount);
            refused = taken < length;
            for (int i = 0; i < taken; i++) {
                input[(inputStart + inputCount + i) % INPUT_BYTES] = data[offset + i];
            }
            inputCount += taken;
        }
        DriverLink driver = link;
        if (driver != null && taken > 0) {
            driver.kick(RECEIVE);
        }
        return taken;
    }

    @Override
    public void serve(int index, Virtqueue queue) {
        if (index == RECEIVE) {
            fillBuffers(queue);
        } else {
            transmit(queue);
        }
    }

    private void fillBuffers(Virtqueue queue) {
        DescriptorChain buffer = receiving;
        boolean resume;
        while (buffer != null && hasInput() && queue.next(buffer)) {
            int count = takeInput((int) Math.min(STAGING_BYTES, buffer.writableBytes()));
            MemorySegment.copy(MemorySegment.ofArray(bytes), 0, staging, 0, count);
            boolean written = buffer.write(0, staging.asSlice(0, count));
            queue.complete(buffer, written ? count : 0);
        }
        synchronized (lock) {
            resume = refused && inputCount < INPUT_BYTES;
            refused &= !resume;
        }
        if (resume) {
            backend.resume();
        }
    }

    private boolean hasInput() {
        synchronized (lock) {
            return inputCount > 0;
        }
    }

    private int takeInput(int most) {
        synchronized (lock) {
            int count = Math.min(most, inputCount);
            for (int i = 0; i < count; i++) {
                bytes[i] = input[(inputStart + i) % INPUT_BYTES];
            }
            inputStart = (inputStart + count) % INPUT_BYTES;
            inputCount -= count;
            return count;
        }
    }

    private void transmit(Virtqueue queue) {
        DescriptorChain buffer = transmitting;
        DriverLink driver = link;
        if (buffer == null || driver == null) {
            return;
        }
        int budget = TRANSMIT_BUDGET_BYTES;
        while (transmitted >= 0 || queue.next(buffer)) {
            long start = Math.max(transmitted, 0);
            int step =
                    (int) Math.min(Math.min(budget, STAGING_BYTES), buffer.readableBytes() - start);
            if (step > 0) {
                MemorySegment part = staging.asSlice(0, step);
                if (buffer.read(start, part)) {
                    MemorySegment.copy(part, 0, MemorySegment.ofArray(bytes), 0, step);
                    backend.write(bytes, 0, step);
                }
                budget -= step;
            }
            transmitted = start + step;
            if (transmitted == buffer.readableBytes()) {
                transmitted = -1;
                queue.complete(buffer, 0);
            }
            if (budget == 0) {
                driver.kick(TRANSMIT);
                return;
            }
        }
    }
}
