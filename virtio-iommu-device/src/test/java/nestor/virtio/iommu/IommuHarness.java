package nestor.virtio.iommu;

import static nestor.virtio.testkit.DriverQueue.readable;
import static nestor.virtio.testkit.DriverQueue.writable;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import nestor.pci.CompletionStatus;
import nestor.pci.PciFunction;
import nestor.virtio.pci.VirtioPci;
import nestor.virtio.testkit.DriverQueue;
import nestor.virtio.testkit.DriverQueue.Part;
import nestor.virtio.testkit.TestMachine;
import nestor.virtio.testkit.VirtioDriver;
import nestor.vmm.time.ManualClock;

/** A machine with a virtio-iommu, its driver, and one endpoint that does DMA. */
final class IommuHarness {
    static final int ENDPOINT = 5 << 3;
    static final int OTHER_ENDPOINT = 6 << 3;
    static final int READ = 1;
    static final int WRITE = 2;
    static final int MMIO = 4;
    static final int BYPASS = 1;
    static final int PROBE_BYTES = 512;

    /** The endpoints there are; tests pull some. */
    final Set<Integer> existing = new HashSet<>(Set.of(ENDPOINT, OTHER_ENDPOINT));

    final TestMachine machine;
    final ManualClock clock;
    final VirtioIommu iommu;
    final VirtioDriver driver;
    final PciFunction endpoint = PciFunction.builder("endpoint").ids(1, 1).build();
    DriverQueue requests;
    DriverQueue events;
    private final long features;
    private final long request;
    private final long reply;

    IommuHarness(VirtioIommuConfig config) {
        this(config, -1L);
    }

    /** A driver that accepts {@code features} of those offered. */
    IommuHarness(VirtioIommuConfig config, long features) {
        this(new TestMachine(), config, features);
    }

    IommuHarness(TestMachine machine, VirtioIommuConfig config, long features) {
        this(machine, new ManualClock(), config, features, Optional.empty());
    }

    IommuHarness(
            TestMachine machine,
            ManualClock clock,
            VirtioIommuConfig config,
            long features,
            Optional<TableSupport> tables) {
        this.machine = machine;
        this.clock = clock;
        request = machine.allocate(4096);
        reply = machine.allocate(8192);
        iommu = new VirtioIommu(config, existing::contains, clock, tables);
        driver = machine.plug(1, iommu, VirtioPci.Access.DIRECT);
        machine.host().plug(ENDPOINT >> 3, 0, endpoint);
        long command = 0x10_0000_0000L + ((long) ENDPOINT << 12) + 4;
        machine.mmio().write(command, 2, 6);
        machine.host().iommu(iommu, rid -> rid == ENDPOINT || rid == OTHER_ENDPOINT);
        this.features = features;
        driver.negotiate(driver.offered() & (features | VirtioDriver.VERSION_1));
        requests = driver.queue(0, 64);
        events = driver.queue(1, 16);
        driver.driverOk();
    }

    /** The driver resets the device, and sets it up anew. */
    void restart() {
        driver.reset();
        driver.negotiate(driver.offered() & (features | VirtioDriver.VERSION_1));
        requests = driver.queue(0, 64);
        events = driver.queue(1, 16);
        driver.driverOk();
    }

    static IommuHarness isolating() {
        return new IommuHarness(VirtioIommuConfig.defaults(false));
    }

    static byte[] bytes(int sizeBytes) {
        return new byte[sizeBytes];
    }

    static ByteBuffer le(byte[] bytes) {
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    static byte[] attachBytes(int domain, int endpoint, int flags) {
        byte[] bytes = bytes(20);
        le(bytes).put(0, (byte) 1).putInt(4, domain).putInt(8, endpoint).putInt(12, flags);
        return bytes;
    }

    static byte[] detachBytes(int domain, int endpoint) {
        byte[] bytes = bytes(20);
        le(bytes).put(0, (byte) 2).putInt(4, domain).putInt(8, endpoint);
        return bytes;
    }

    static byte[] mapBytes(int domain, long first, long last, long phys, int flags) {
        byte[] bytes = bytes(36);
        le(bytes)
                .put(0, (byte) 3)
                .putInt(4, domain)
                .putLong(8, first)
                .putLong(16, last)
                .putLong(24, phys)
                .putInt(32, flags);
        return bytes;
    }

    static byte[] unmapBytes(int domain, long first, long last) {
        byte[] bytes = bytes(28);
        le(bytes).put(0, (byte) 4).putInt(4, domain).putLong(8, first).putLong(16, last);
        return bytes;
    }

    static byte[] probeBytes(int endpoint) {
        byte[] bytes = bytes(72);
        le(bytes).put(0, (byte) 5).putInt(4, endpoint);
        return bytes;
    }

    /** Sends a request as Linux does, in two descriptors; returns the device's writable part. */
    byte[] send(byte[] readablePart, int writableBytes) {
        poison(writableBytes);
        machine.write(request, readablePart);
        List<Part> parts = new ArrayList<>();
        if (readablePart.length > 0) {
            parts.add(readable(request, readablePart.length));
        }
        if (writableBytes > 0) {
            parts.add(writable(reply, writableBytes));
        }
        length = requests.request(parts.toArray(Part[]::new));
        return machine.read(reply, writableBytes);
    }

    /** Sends a request a byte a descriptor, through an indirect table. */
    byte[] sendScattered(byte[] readablePart, int writableBytes) {
        poison(writableBytes);
        machine.write(request, readablePart);
        List<Part> parts = new ArrayList<>();
        for (int i = 0; i < readablePart.length; i++) {
            parts.add(readable(request + i, 1));
        }
        for (int i = 0; i < writableBytes; i++) {
            parts.add(writable(reply + i, 1));
        }
        requests.offerIndirect(parts.toArray(Part[]::new));
        requests.kick();
        length = requests.poll().orElseThrow().length();
        return machine.read(reply, writableBytes);
    }

    /** Length the device returned with the last request. */
    int length;

    private void poison(int writableBytes) {
        byte[] poison = bytes(writableBytes);
        java.util.Arrays.fill(poison, (byte) 0xa5);
        machine.write(reply, poison);
    }

    /** Sends a request with room for the tail only; returns its status. */
    int status(byte[] readablePart) {
        byte[] tail = send(readablePart, 4);
        if (length != 4 || tail[1] != 0 || tail[2] != 0 || tail[3] != 0) {
            throw new AssertionError("no tail, length " + length);
        }
        return tail[0];
    }

    int attach(int domain, int endpointId, int flags) {
        return status(attachBytes(domain, endpointId, flags));
    }

    int detach(int domain, int endpointId) {
        return status(detachBytes(domain, endpointId));
    }

    int map(int domain, long first, long last, long phys, int flags) {
        return status(mapBytes(domain, first, last, phys, flags));
    }

    int unmap(int domain, long first, long last) {
        return status(unmapBytes(domain, first, last));
    }

    boolean canRead(long iova) {
        return endpoint.dma().read(endpoint.requester(), iova, MemorySegment.ofArray(bytes(4)))
                == CompletionStatus.SUCCESSFUL;
    }

    boolean canWrite(long iova) {
        return endpoint.dma().write(endpoint.requester(), iova, MemorySegment.ofArray(bytes(4)))
                == CompletionStatus.SUCCESSFUL;
    }

    /** Gives the device {@code count} event buffers; returns their addresses. */
    long[] eventBuffers(int count, int sizeBytes) {
        long[] buffers = new long[count];
        for (int i = 0; i < count; i++) {
            buffers[i] = machine.allocate(sizeBytes);
            events.offer(writable(buffers[i], sizeBytes));
        }
        events.kick();
        return buffers;
    }
}
