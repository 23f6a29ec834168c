package nestor.virtio.testkit;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import nestor.virtio.DescriptorChain;
import nestor.virtio.DriverLink;
import nestor.virtio.VirtioDevice;
import nestor.virtio.Virtqueue;
import nestor.vmm.mmio.MmioRegion;
import nestor.vmm.register.Register;
import nestor.vmm.register.RegisterFile;
import org.jspecify.annotations.Nullable;

/**
 * A device of two queues that copies what it reads of a buffer back into it, up to 64 KiB; buffers
 * can be held back to stand for work that takes long.
 */
public final class EchoDevice implements VirtioDevice {
    public static final int QUEUE_SIZE = 128;

    private static final Register WORD =
            Register.readWrite("word", 0, 4, 0xffff_ffffL, "this device");

    private final RegisterFile config = new RegisterFile(4, 1, List.of(WORD));
    private final List<DescriptorChain> held = new ArrayList<>();
    private final List<Runnable> stopping = new ArrayList<>();
    private boolean holding;
    private boolean stopsLate;
    private int starts;
    private int stops;
    private @Nullable DriverLink link;

    /** From now on, buffers stay with the device until {@link #release}. */
    public void hold() {
        holding = true;
    }

    /** Lets go; the queue is served at the next turn of the loop. */
    public void release() {
        holding = false;
        driver().kick(0);
    }

    /** From now on, the device has stopped only when {@link #finishStops} says so. */
    public void stopLate() {
        stopsLate = true;
    }

    /** The device has stopped, as often as it was told to. */
    public void finishStops() {
        List<Runnable> stopped = List.copyOf(stopping);
        stopping.clear();
        stopped.forEach(Runnable::run);
    }

    /** Changes the configuration space as a device does. */
    public void change(int value) {
        config.set(WORD, value);
        driver().configChanged();
    }

    private DriverLink driver() {
        return Objects.requireNonNull(link, "no driver has started the device");
    }

    public int held() {
        return held.size();
    }

    public int starts() {
        return starts;
    }

    public int stops() {
        return stops;
    }

    @Override
    public int deviceId() {
        return 42;
    }

    @Override
    public int classCode() {
        return 0xff0000;
    }

    @Override
    public long features() {
        return 0b101;
    }

    @Override
    public int[] queueSizes() {
        return new int[] {QUEUE_SIZE, 8};
    }

    @Override
    public int configBytes() {
        return 4;
    }

    @Override
    public MmioRegion config() {
        return config;
    }

    @Override
    public void start(DriverLink driver) {
        link = driver;
        starts++;
    }

    @Override
    public void serve(int index, Virtqueue queue) {
        if (!holding) {
            held.forEach(chain -> queue.complete(chain, echo(chain)));
            held.clear();
        }
        DescriptorChain chain = new DescriptorChain(driver().memory());
        while (queue.next(chain)) {
            if (holding) {
                held.add(chain);
                chain = new DescriptorChain(driver().memory());
            } else {
                queue.complete(chain, echo(chain));
            }
        }
    }

    private static long echo(DescriptorChain chain) {
        int sizeBytes =
                (int) Math.min(1 << 16, Math.min(chain.readableBytes(), chain.writableBytes()));
        MemorySegment bytes = MemorySegment.ofArray(new byte[sizeBytes]);
        return chain.read(0, bytes) && chain.write(0, bytes) ? sizeBytes : 0;
    }

    @Override
    public void stop() {
        held.clear();
        stops++;
    }

    @Override
    public void whenStopped(Runnable stopped) {
        if (stopsLate) {
            stopping.add(stopped);
        } else {
            stopped.run();
        }
    }
}
