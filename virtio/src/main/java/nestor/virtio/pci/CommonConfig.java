package nestor.virtio.pci;

import static nestor.vmm.register.Register.readOnly;
import static nestor.vmm.register.Register.readWrite;

import java.util.List;
import java.util.Optional;
import nestor.virtio.Features;
import nestor.virtio.VirtqueueLayout;
import nestor.vmm.register.Register;
import nestor.vmm.register.RegisterFile;

/**
 * The common configuration structure (virtio 1.3 §4.1.4.3) and what it decides: feature
 * negotiation, device status, queue set-up. Any thread; {@code lock} is a leaf, and {@link Events}
 * are told after it is released.
 */
final class CommonConfig {
    private static final String SECTION = "§4.1.4.3";

    static final Register DEVICE_FEATURE_SELECT = register("device_feature_select", 0x00, 4);
    static final Register DEVICE_FEATURE = readOnly("device_feature", 0x04, 4, 0, SECTION);
    static final Register DRIVER_FEATURE_SELECT = register("driver_feature_select", 0x08, 4);
    static final Register DRIVER_FEATURE = register("driver_feature", 0x0c, 4);
    static final Register CONFIG_MSIX_VECTOR = register("config_msix_vector", 0x10, 2);
    static final Register NUM_QUEUES = readOnly("num_queues", 0x12, 2, 0, SECTION);
    static final Register DEVICE_STATUS = register("device_status", 0x14, 1);
    static final Register CONFIG_GENERATION = readOnly("config_generation", 0x15, 1, 0, SECTION);
    static final Register QUEUE_SELECT = register("queue_select", 0x16, 2);
    static final Register QUEUE_SIZE = register("queue_size", 0x18, 2);
    static final Register QUEUE_MSIX_VECTOR = register("queue_msix_vector", 0x1a, 2);
    static final Register QUEUE_ENABLE = register("queue_enable", 0x1c, 2);
    static final Register QUEUE_NOTIFY_OFF = readOnly("queue_notify_off", 0x1e, 2, 0, SECTION);
    static final Register QUEUE_DESC = register("queue_desc", 0x20, 8);
    static final Register QUEUE_DRIVER = register("queue_driver", 0x28, 8);
    static final Register QUEUE_DEVICE = register("queue_device", 0x30, 8);

    /** Ends with the fields of features that are not offered; they read as zero. */
    static final int BYTES = 0x40;

    /** VIRTIO_MSI_NO_VECTOR (§4.1.5.1.2). */
    static final int NO_VECTOR = 0xffff;

    /** Device status bits (§2.1). */
    static final int ACKNOWLEDGE = 1;

    static final int DRIVER = 2;
    static final int DRIVER_OK = 4;
    static final int FEATURES_OK = 8;
    static final int DEVICE_NEEDS_RESET = 64;
    static final int FAILED = 128;

    private static final int DRIVER_WRITES =
            ACKNOWLEDGE | DRIVER | DRIVER_OK | FEATURES_OK | FAILED;

    private static final Register[] TABLE = {
        DEVICE_FEATURE_SELECT,
        DEVICE_FEATURE,
        DRIVER_FEATURE_SELECT,
        DRIVER_FEATURE,
        CONFIG_MSIX_VECTOR,
        NUM_QUEUES,
        DEVICE_STATUS,
        CONFIG_GENERATION,
        QUEUE_SELECT,
        QUEUE_SIZE,
        QUEUE_MSIX_VECTOR,
        QUEUE_ENABLE,
        QUEUE_NOTIFY_OFF,
        QUEUE_DESC,
        QUEUE_DRIVER,
        QUEUE_DEVICE
    };

    /** What the driver's writes set off. On the writer's thread, no lock held. */
    interface Events {
        /** The driver is ready; told once between resets. */
        void driverOk();

        /** The driver wants a reset; {@link CommonConfig#reset} ends it. Not told again before. */
        void resetRequested();

        /** A queue was enabled after DRIVER_OK. */
        void queueEnabled(int index);
    }

    /** What the registers say of one queue. */
    private static final class Queue {
        final int maxSize;
        int size;
        int vector;
        boolean enabled;
        long desc;
        long driver;
        long device;

        Queue(int maxSize) {
            this.maxSize = maxSize;
            reset();
        }

        void reset() {
            size = maxSize;
            vector = NO_VECTOR;
            enabled = false;
            desc = 0;
            driver = 0;
            device = 0;
        }
    }

    private final Object lock = new Object();
    private final RegisterFile file = new RegisterFile(BYTES, 1, List.of(TABLE));
    private final Events events;
    private final long offered;
    private final int vectors;
    private final Queue[] queues;
    private long accepted;
    private int status;
    private boolean resetPending;
    private int configVector = NO_VECTOR;

    /**
     * @param offered feature bits
     * @param queueSizes largest size of each queue
     * @param vectors of the function's MSI-X table
     */
    CommonConfig(long offered, int[] queueSizes, int vectors, Events events) {
        this.offered = offered;
        this.vectors = vectors;
        this.events = events;
        queues = new Queue[queueSizes.length];
        for (int i = 0; i < queues.length; i++) {
            queues[i] = new Queue(queueSizes[i]);
        }
        file.onRead(DEVICE_STATUS, this::status)
                .onWrite(DEVICE_FEATURE_SELECT, this::selectDeviceFeature)
                .onWrite(DRIVER_FEATURE_SELECT, this::selectDriverFeature)
                .onWrite(DRIVER_FEATURE, this::driverFeature)
                .onWrite(CONFIG_MSIX_VECTOR, this::configVector)
                .onWrite(DEVICE_STATUS, this::deviceStatus)
                .onWrite(QUEUE_SELECT, this::selectQueue)
                .onWrite(QUEUE_SIZE, value -> configureQueue(queue -> queueSize(queue, value)))
                .onWrite(QUEUE_MSIX_VECTOR, this::queueVector)
                .onWrite(QUEUE_ENABLE, this::queueEnable)
                .onWrite(QUEUE_DESC, value -> configureQueue(queue -> queue.desc = value))
                .onWrite(QUEUE_DRIVER, value -> configureQueue(queue -> queue.driver = value))
                .onWrite(QUEUE_DEVICE, value -> configureQueue(queue -> queue.device = value));
        reset();
    }

    private static Register register(String name, long offset, int sizeBytes) {
        return readWrite(name, offset, sizeBytes, -1L >>> (64 - 8 * sizeBytes), SECTION);
    }

    RegisterFile registers() {
        return file;
    }

    /** The features negotiated. */
    long features() {
        synchronized (lock) {
            return accepted;
        }
    }

    /** Where queue {@code index} lies, if the driver has enabled it. */
    Optional<VirtqueueLayout> layout(int index) {
        synchronized (lock) {
            Queue queue = queues[index];
            return queue.enabled
                    ? Optional.of(
                            new VirtqueueLayout(queue.size, queue.desc, queue.driver, queue.device))
                    : Optional.empty();
        }
    }

    int queueVector(int index) {
        synchronized (lock) {
            return queues[index].vector;
        }
    }

    int configVector() {
        synchronized (lock) {
            return configVector;
        }
    }

    /** §2.5.2: what the driver reads of the device's configuration from now on is new. */
    void nextGeneration() {
        file.update(CONFIG_GENERATION, generation -> generation + 1 & 0xff);
    }

    /** Sets DEVICE_NEEDS_RESET (§2.1); true if the driver must be told. */
    boolean needsReset() {
        synchronized (lock) {
            status |= DEVICE_NEEDS_RESET;
            return (status & DRIVER_OK) != 0;
        }
    }

    /** From now on, until {@link #reset}, what the driver writes into device_status is dropped. */
    void beginReset() {
        synchronized (lock) {
            resetPending = true;
        }
    }

    /** Everything back to the state after power-on, except the generation. */
    void reset() {
        synchronized (lock) {
            long generation = file.get(CONFIG_GENERATION);
            file.reset();
            file.set(CONFIG_GENERATION, generation);
            file.set(NUM_QUEUES, queues.length);
            file.set(CONFIG_MSIX_VECTOR, NO_VECTOR);
            file.set(DEVICE_FEATURE, offered & 0xffff_ffffL);
            accepted = 0;
            status = 0;
            resetPending = false;
            configVector = NO_VECTOR;
            for (Queue queue : queues) {
                queue.reset();
            }
            showQueue();
        }
    }

    private long status() {
        synchronized (lock) {
            return status;
        }
    }

    private void deviceStatus(long written) {
        boolean ready = false;
        synchronized (lock) {
            if (resetPending) {
                return;
            }
            if (written == 0) {
                resetPending = true;
            } else {
                ready = advance((int) written & DRIVER_WRITES);
            }
        }
        if (written == 0) {
            events.resetRequested();
        } else if (ready) {
            events.driverOk();
        }
    }

    /** §2.1, §3.1.1: status bits are only ever added; true when DRIVER_OK is. */
    private boolean advance(int bits) {
        int added = bits & ~status;
        if ((added & FEATURES_OK) != 0 && !isAcceptable(accepted)) {
            added &= ~FEATURES_OK;
        }
        if (((status | added) & FEATURES_OK) == 0) {
            added &= ~DRIVER_OK;
        }
        status |= added;
        return (added & DRIVER_OK) != 0;
    }

    /** §6.2: legacy drivers are refused, and so is a driver that would pass by the IOMMU. */
    private boolean isAcceptable(long features) {
        long required = (Features.VERSION_1 | Features.ACCESS_PLATFORM) & offered;
        return (features & ~offered) == 0 && (features & required) == required;
    }

    private void selectDeviceFeature(long select) {
        file.set(DEVICE_FEATURE, half(offered, select));
    }

    private void selectDriverFeature(long select) {
        synchronized (lock) {
            file.set(DRIVER_FEATURE, half(accepted, select));
        }
    }

    private void driverFeature(long bits) {
        long select = file.get(DRIVER_FEATURE_SELECT);
        synchronized (lock) {
            if ((status & FEATURES_OK) == 0) {
                if (select == 0) {
                    accepted = accepted & ~0xffff_ffffL | bits;
                } else if (select == 1) {
                    accepted = accepted & 0xffff_ffffL | bits << 32;
                }
            }
            file.set(DRIVER_FEATURE, half(accepted, select));
        }
    }

    private static long half(long features, long select) {
        if (select > 1) {
            return 0;
        }
        return select == 0 ? features & 0xffff_ffffL : features >>> 32;
    }

    private void configVector(long vector) {
        synchronized (lock) {
            configVector = existing(vector);
            file.set(CONFIG_MSIX_VECTOR, configVector);
        }
    }

    private void queueVector(long vector) {
        Queue queue = selected();
        synchronized (lock) {
            if (queue.maxSize > 0) {
                queue.vector = existing(vector);
            }
            showQueue();
        }
    }

    /** §4.1.5.1.2.1: a vector the function does not have reads back as NO_VECTOR. */
    private int existing(long vector) {
        return vector < vectors ? (int) vector : NO_VECTOR;
    }

    private void selectQueue(long index) {
        synchronized (lock) {
            showQueue();
        }
    }

    private static void queueSize(Queue queue, long size) {
        if (size <= queue.maxSize && VirtqueueLayout.isSize((int) size)) {
            queue.size = (int) size;
        }
    }

    private interface QueueChange {
        void apply(Queue queue);
    }

    /** §4.1.4.3.2: a queue is configured before it is enabled, and not after. */
    private void configureQueue(QueueChange change) {
        Queue queue = selected();
        synchronized (lock) {
            if (!queue.enabled && queue.maxSize > 0) {
                change.apply(queue);
            }
            showQueue();
        }
    }

    private void queueEnable(long value) {
        Queue queue = selected();
        int index = List.of(queues).indexOf(queue);
        boolean tell = false;
        synchronized (lock) {
            if (value == 1 && index >= 0 && !queue.enabled && !resetPending) {
                queue.enabled = true;
                tell = (status & DRIVER_OK) != 0;
            }
            showQueue();
        }
        if (tell) {
            events.queueEnabled(index);
        }
    }

    /** The queue that queue_select names; one of size 0 if there is none (§4.1.4.3.1). */
    private Queue selected() {
        long index = file.get(QUEUE_SELECT);
        return index < queues.length ? queues[(int) index] : new Queue(0);
    }

    /** Loads the registers of the selected queue. */
    private void showQueue() {
        Queue queue = selected();
        file.set(QUEUE_SIZE, queue.size);
        file.set(QUEUE_MSIX_VECTOR, queue.vector);
        file.set(QUEUE_ENABLE, queue.enabled ? 1 : 0);
        file.set(QUEUE_NOTIFY_OFF, queue.maxSize > 0 ? file.get(QUEUE_SELECT) : 0);
        file.set(QUEUE_DESC, queue.desc);
        file.set(QUEUE_DRIVER, queue.driver);
        file.set(QUEUE_DEVICE, queue.device);
    }
}
