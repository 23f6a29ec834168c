package nestor.virtio.pci;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import nestor.pci.AtsOptions;
import nestor.pci.BarKind;
import nestor.pci.DmaPort;
import nestor.pci.InvalidateRequest;
import nestor.pci.PciFunction;
import nestor.pci.PciFunctionBuilder;
import nestor.virtio.DriverLink;
import nestor.virtio.DriverMemory;
import nestor.virtio.Features;
import nestor.virtio.VirtioDevice;
import nestor.virtio.Virtqueue;
import nestor.virtio.VirtqueueState;
import nestor.vmm.loop.DeviceLoop;
import nestor.vmm.mmio.MmioRegion;
import org.jspecify.annotations.Nullable;

/**
 * A virtio device as a PCI function (virtio 1.3 §4.1): modern only, one BAR with the four
 * structures, another with MSI-X, one vector for configuration changes and one for each queue.
 *
 * <p>Registers answer on the thread that accesses them; what starts, serves or resets the device is
 * posted to its loop, at most one task of each kind at a time.
 */
public final class VirtioPci {
    /** Which memory the driver's addresses name. */
    public enum Access {
        /** What the function's IOMMU makes of them: VIRTIO_F_ACCESS_PLATFORM is required. */
        PLATFORM,
        /** Guest-physical memory, whatever the platform has. */
        DIRECT
    }

    private static final int VENDOR = 0x1af4;
    private static final int FIRST_DEVICE_ID = 0x1040;
    private static final int SUBSYSTEM = 0x1100;
    private static final int MODERN_REVISION = 1;

    /** Buffers of one queue served in one go, on the thread of whoever notified. */
    private static final int BUDGET = 64;

    /** Times a device that leaves serves each queue: a ring of 256, and a reserve. */
    private static final int DRAIN_ROUNDS = 8;

    private static final int REGISTERS_BAR = 4;
    private static final int STRUCTURE_BYTES = 0x1000;
    private static final int COMMON = 0x0000;
    private static final int ISR = 0x1000;
    private static final int DEVICE = 0x2000;
    private static final int NOTIFY = 0x3000;
    private static final int REGISTERS_BYTES = 0x4000;
    private static final int NOTIFY_OFF_MULTIPLIER = 4;

    private static final int MSIX_BAR = 1;
    private static final int MSIX_BYTES = 0x1000;
    private static final int MSIX_PBA = 0x800;
    private static final int MAX_QUEUES = MSIX_PBA / 16 - 1;

    /** ISR status bits (§4.1.4.5). */
    private static final int ISR_QUEUE = 1;

    private static final int ISR_CONFIG = 2;

    private final VirtioDevice device;
    private final DeviceLoop loop;
    private final CommonConfig config;
    private final PciFunction function;
    private final DriverMemory memory;
    private final long features;
    private final AtomicInteger isr = new AtomicInteger();
    private final QueueService[] services;
    private final AtomicBoolean resetPosted = new AtomicBoolean();
    private final AtomicInteger resets = new AtomicInteger();
    private volatile boolean running;

    /** Loop only. */
    private boolean removed;

    /**
     * @param name of the function, for messages
     * @param loop of this device alone
     */
    public VirtioPci(String name, VirtioDevice device, DeviceLoop loop, Access access) {
        this(name, device, loop, access, Optional.empty());
    }

    /**
     * A device whose function has the ATS capability, behind its platform's IOMMU.
     *
     * @param name of the function, for messages
     * @param loop of this device alone
     * @param path makes the way to memory of the function, which is complete then
     */
    public static VirtioPci withAts(
            String name,
            VirtioDevice device,
            DeviceLoop loop,
            Function<PciFunction, DmaPort> path) {
        return new VirtioPci(name, device, loop, Access.PLATFORM, Optional.of(path));
    }

    private VirtioPci(
            String name,
            VirtioDevice device,
            DeviceLoop loop,
            Access access,
            Optional<Function<PciFunction, DmaPort>> atsPath) {
        int[] queueSizes = device.queueSizes();
        if (queueSizes.length > MAX_QUEUES) {
            throw new IllegalArgumentException("more queues than vectors");
        }
        this.device = device;
        this.loop = loop;
        this.features =
                device.features()
                        | Features.VERSION_1
                        | Features.INDIRECT_DESC
                        | Features.EVENT_IDX
                        | (access == Access.PLATFORM ? Features.ACCESS_PLATFORM : 0);
        int vectors = queueSizes.length + 1;
        this.config = new CommonConfig(features, queueSizes, vectors, new Events());
        this.services = new QueueService[queueSizes.length];
        for (int i = 0; i < services.length; i++) {
            services[i] = new QueueService(i);
        }
        this.function = function(name, vectors, atsPath.isPresent());
        DmaPort direct = access == Access.PLATFORM ? function.dma() : function.dmaUntranslated();
        DmaPort port = atsPath.map(path -> path.apply(function)).orElse(direct);
        this.memory = new DriverMemory(port, function::requester);
    }

    /** The function to plug. */
    public PciFunction function() {
        return function;
    }

    /** Its queues at this moment. Any thread. */
    public List<VirtqueueState> queues() {
        return Arrays.stream(services).map(QueueService::state).toList();
    }

    private PciFunction function(String name, int vectors, boolean ats) {
        Registers registers = new Registers();
        PciConfigAccess access = new PciConfigAccess(REGISTERS_BAR, REGISTERS_BYTES, registers);
        PciFunctionBuilder builder =
                PciFunction.builder(name)
                        .ids(VENDOR, FIRST_DEVICE_ID + device.deviceId())
                        .subsystem(VENDOR, SUBSYSTEM)
                        .revision(MODERN_REVISION)
                        .classCode(device.classCode())
                        .bar(MSIX_BAR, MSIX_BYTES, BarKind.MEM32)
                        .bar(REGISTERS_BAR, REGISTERS_BYTES, BarKind.MEM64_PREFETCHABLE, registers)
                        .msix(vectors, MSIX_BAR, 0, MSIX_PBA)
                        .capability(
                                StructureType.COMMON_CFG.capability(
                                        REGISTERS_BAR, COMMON, CommonConfig.BYTES))
                        .capability(StructureType.ISR_CFG.capability(REGISTERS_BAR, ISR, 1));
        if (device.configBytes() > 0) {
            builder.capability(
                    StructureType.DEVICE_CFG.capability(
                            REGISTERS_BAR, DEVICE, device.configBytes()));
        }
        if (ats) {
            builder.ats(AtsOptions.ofQueueDepth(InvalidateRequest.ITAGS).withGlobalInvalidate());
        }
        return builder.capability(
                        StructureType.notify(
                                REGISTERS_BAR,
                                NOTIFY,
                                services.length * NOTIFY_OFF_MULTIPLIER,
                                NOTIFY_OFF_MULTIPLIER))
                .capability(access.capability())
                .express()
                .onReset(this::postReset)
                .build();
    }

    /**
     * The device leaves its bus for good. On its loop it serves what the driver has made available
     * so far, since a request that is never completed is more than drivers expect even of a device
     * that is pulled; then {@code removal} takes it off the bus, and it stops.
     *
     * @param removal runs once, on the loop, with no lock held
     */
    public void remove(Runnable removal) {
        loop.post(() -> {
            for (QueueService service : services) {
                service.drain();
            }
            removal.run();
            removed = true;
            reset();
        });
    }

    private void start() {
        if (removed) { // by an access that was under way when the device left
            return;
        }
        for (QueueService service : services) {
            service.open();
        }
        running = true;
        device.start(new Link(config.features()));
    }

    private void postReset() {
        if (resetPosted.compareAndSet(false, true)) {
            loop.post(this::reset);
        }
    }

    private void reset() {
        resetPosted.set(false);
        running = false;
        config.beginReset();
        device.stop();
        for (QueueService service : services) {
            service.close();
        }
        int reset = resets.incrementAndGet();
        device.whenStopped(() -> {
            if (reset == resets.get()) { // else a later one has more to wait for
                isr.set(0);
                config.reset();
            }
        });
    }

    /** §2.1.1: the device has met an error it cannot go on from. */
    private void needsReset() {
        running = false;
        if (config.needsReset()) {
            notifyConfigChange();
        }
    }

    private void notifyConfigChange() {
        isr.getAndUpdate(bits -> bits | ISR_CONFIG);
        signal(config.configVector());
    }

    private void signal(int vector) {
        if (vector != CommonConfig.NO_VECTOR) {
            function.signalMsix(vector);
        }
    }

    /** One queue of the device and its place in the loop. */
    private final class QueueService implements Runnable {
        private final int index;
        private final AtomicBoolean posted = new AtomicBoolean();

        /** The live queue; used by the loop only, looked at by others. */
        private volatile @Nullable Virtqueue queue;

        QueueService(int index) {
            this.index = index;
        }

        void open() {
            if (queue == null) {
                queue =
                        config.layout(index)
                                .map(layout ->
                                        new Virtqueue(
                                                layout,
                                                memory,
                                                config.features(),
                                                this::interrupt,
                                                VirtioPci.this::needsReset))
                                .orElse(null);
            }
        }

        void close() {
            queue = null;
        }

        VirtqueueState state() {
            Virtqueue live = queue;
            return live == null ? new VirtqueueState(index, 0, 0, 0) : live.state(index);
        }

        void kick() {
            if (posted.compareAndSet(false, true)) {
                loop.post(this);
            }
        }

        @Override
        public void run() {
            posted.set(false);
            Virtqueue live = queue;
            if (live == null || !running) {
                return;
            }
            live.begin(BUDGET);
            device.serve(index, live);
            if (live.end()) {
                kick();
            }
        }

        /** Serves what is available, as far as one ring holds: drivers may go on adding. */
        void drain() {
            for (int i = 0; i < DRAIN_ROUNDS; i++) {
                Virtqueue live = queue;
                if (live == null || !running) {
                    return;
                }
                live.begin(BUDGET);
                device.serve(index, live);
                live.end();
            }
        }

        private void interrupt() {
            isr.getAndUpdate(bits -> bits | ISR_QUEUE);
            signal(config.queueVector(index));
        }
    }

    /** What the driver sets off through the common configuration. */
    private final class Events implements CommonConfig.Events {
        @Override
        public void driverOk() {
            loop.post(VirtioPci.this::start);
        }

        @Override
        public void resetRequested() {
            postReset();
        }

        @Override
        public void queueEnabled(int index) {
            loop.post(services[index]::open);
        }
    }

    private final class Link implements DriverLink {
        private final long negotiated;

        Link(long negotiated) {
            this.negotiated = negotiated;
        }

        @Override
        public long features() {
            return negotiated;
        }

        @Override
        public DriverMemory memory() {
            return memory;
        }

        @Override
        public void kick(int index) {
            services[index].kick();
        }

        @Override
        public void configChanged() {
            config.nextGeneration();
            notifyConfigChange();
        }
    }

    /** The BAR: each structure in a page of its own. */
    private final class Registers implements MmioRegion {
        @Override
        public long read(long offset, int sizeBytes) {
            long at = offset % STRUCTURE_BYTES;
            return switch ((int) (offset - at)) {
                case COMMON -> config.registers().read(at, sizeBytes);
                case ISR -> at == 0 ? isr.getAndSet(0) : 0; // §4.1.4.5.1: reading clears
                case DEVICE -> at < device.configBytes() ? device.config().read(at, sizeBytes) : 0;
                default -> 0;
            };
        }

        @Override
        public void write(long offset, int sizeBytes, long value) {
            long at = offset % STRUCTURE_BYTES;
            switch ((int) (offset - at)) {
                case COMMON -> config.registers().write(at, sizeBytes, value);
                case DEVICE -> {
                    if (at < device.configBytes()) {
                        device.config().write(at, sizeBytes, value);
                    }
                }
                case NOTIFY -> notify(at);
                default -> {} // the ISR status is read-only
            }
        }

        /** §4.1.5.2: the address names the queue. */
        private void notify(long at) {
            long index = at / NOTIFY_OFF_MULTIPLIER;
            if (index < services.length) {
                services[(int) index].kick();
            }
        }
    }
}
