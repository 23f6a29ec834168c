package nestor.hostsim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import nestor.iommu.host.HostDevice;
import nestor.iommu.host.HostException;
import nestor.iommu.host.HostReports;
import nestor.iommu.host.NestedDomain;
import nestor.iommu.host.Stage1;
import nestor.iommufd.Errno;
import nestor.iommufd.HostSystem;
import nestor.iommufd.Ioctl;
import nestor.iommufd.IommufdHost;
import nestor.vmm.memory.GuestMemory;
import org.junit.jupiter.api.Test;

/** {@link IommufdHost}: its queues are read while devices come and go. */
class QueueReaderTest {
    private static final int RID = 8;
    private static final int PASID = 5;
    private static final String PATH = "/dev/vfio/devices/vfio0";

    private final SimulatedHost kernel = new SimulatedHost();
    private final SimulatedDevice device = kernel.vtd().device(PATH, true);

    /** The simulation, watched: which calls name a descriptor that was closed. */
    private final class Watched implements HostSystem {
        final Queue<String> stale = new ConcurrentLinkedQueue<>();
        final Set<Integer> missing = ConcurrentHashMap.newKeySet();
        private final Set<Integer> closed = ConcurrentHashMap.newKeySet();

        private void use(String call, int fd) {
            if (closed.contains(fd)) {
                stale.add(call + " of " + fd);
            }
        }

        @Override
        public int open(String path) {
            return kernel.open(path);
        }

        @Override
        public String cdev(String sysfs) throws HostException {
            return kernel.cdev(sysfs);
        }

        @Override
        public int close(int fd) {
            use("close", fd);
            closed.add(fd);
            return kernel.close(fd);
        }

        @Override
        public int ioctl(int fd, int request, MemorySegment argument) {
            use("ioctl", fd);
            return missing.contains(request) ? -Errno.ENOTTY : kernel.ioctl(fd, request, argument);
        }

        @Override
        public int read(int fd, MemorySegment into) {
            use("read", fd);
            return kernel.read(fd, into);
        }

        @Override
        public int write(int fd, MemorySegment from) {
            use("write", fd);
            return kernel.write(fd, from);
        }

        @Override
        public int pread(int fd, MemorySegment into, long offset) {
            use("pread", fd);
            return kernel.pread(fd, into, offset);
        }

        @Override
        public int pwrite(int fd, MemorySegment from, long offset) {
            use("pwrite", fd);
            return kernel.pwrite(fd, from, offset);
        }

        @Override
        public int poll(int[] fds, boolean[] readable, int timeoutMillis) {
            return kernel.poll(fds, readable, timeoutMillis);
        }

        @Override
        public MemorySegment map(int fd, long offset, long sizeBytes, Arena arena)
                throws HostException {
            use("mmap", fd);
            return kernel.map(fd, offset, sizeBytes, arena);
        }

        @Override
        public int eventfd() {
            return kernel.eventfd();
        }

        @Override
        public boolean isReadable(int fd) {
            use("poll", fd);
            return kernel.isReadable(fd);
        }

        @Override
        public void expose(MemorySegment memory) {
            kernel.expose(memory);
        }
    }

    private final Watched system = new Watched();
    private final IommufdHost host;

    QueueReaderTest() throws HostException {
        host = IommufdHost.open(system, GuestMemory.anonymous(0, 1 << 16));
    }

    private HostDevice bound() throws HostException {
        host.add(RID, PATH);
        return host.device(RID);
    }

    /** A PASID is nested from now on. */
    private static NestedDomain attach(HostDevice bound) throws HostException {
        NestedDomain domain = bound.nest(new Stage1.VtdFirstStage(0x1000, 48, 0));
        bound.attach(PASID, domain);
        return domain;
    }

    /** What to do with a group. */
    private interface Taker {
        void take(HostReports.PageGroup group) throws HostException;
    }

    private static HostReports reports(Taker taker) {
        return new HostReports() {
            @Override
            public void pageGroup(PageGroup group) {
                try {
                    taker.take(group);
                } catch (HostException e) {
                    // EINVAL: it was detached meanwhile, and the kernel has answered.
                    assertThat(e.errno()).isEqualTo(Errno.EINVAL);
                }
            }

            @Override
            public void event(SmmuV3Event event) {
                throw new AssertionError("VT-d reports none");
            }
        };
    }

    @Test
    void devicesComeAndGoWhileTheirQueuesAreRead() throws Exception {
        final int rounds = 300;
        int files = kernel.openFiles();
        AtomicBoolean done = new AtomicBoolean();
        try (ExecutorService reader = Executors.newSingleThreadExecutor()) {
            Future<?> polls =
                    reader.submit(() -> {
                        while (!done.get()) {
                            host.poll();
                        }
                        return null;
                    });
            try {
                for (int i = 0; i < rounds; i++) {
                    HostDevice bound = bound();
                    NestedDomain domain = attach(bound);
                    bound.report(reports(group -> bound.respond(group.cookie(), true)));
                    assertThat(device.requestPage(PASID, i, 0x9000, 1)).isTrue();
                    bound.block(PASID);
                    domain.close();
                    bound.release();
                }
            } finally {
                done.set(true);
            }
            polls.get();
        }

        assertThat(system.stale).isEmpty();
        assertThat(device.pageResponses()).hasSize(rounds);
        assertThat(kernel.openFiles()).isEqualTo(files);
        assertThat(kernel.objects()).isOne();
    }

    @Test
    void aDeviceMayGoWhileItsPageRequestsAreDelivered() throws HostException {
        HostDevice bound = bound();
        attach(bound);
        bound.report(
                reports(group -> {
                    bound.release();
                    bound.respond(group.cookie(), true);
                }));
        assertThat(device.requestPage(PASID, 1, 0x9000, 1)).isTrue();

        host.poll();

        assertThat(system.stale).isEmpty();
        assertThat(device.pageResponses()).describedAs("the kernel's: invalid").containsExactly(1);
    }

    @Test
    void aDeviceThatDoesNotStopFaultingKeepsNobodyWaiting() throws HostException {
        SimulatedDevice faulting = kernel.smmuV3().device(PATH + 1, true);
        host.add(RID, PATH + 1);
        HostDevice bound = host.device(RID);
        bound.attach(-1, bound.nest(new Stage1.SmmuV3(1 | 5 << 1 | 0x1000, 2)));
        int[] events = new int[1];
        bound.report(
                new HostReports() {
                    @Override
                    public void pageGroup(PageGroup group) {}

                    @Override
                    public void event(SmmuV3Event event) {
                        assertThat(++events[0]).isLessThan(1 << 16);
                        faulting.load(-1, 0x9000);
                    }
                });
        assertThat(faulting.load(-1, 0x9000)).isEmpty();

        host.poll();

        assertThat(events[0]).isOne();
    }

    @Test
    void aRequesterIdIsTakenOnce() throws HostException {
        kernel.vtd().device(PATH + 1, true);
        host.add(RID, PATH);
        int objects = kernel.objects();

        assertThat(refusal(PATH + 1)).isEqualTo(Errno.EEXIST);
        assertThat(kernel.objects()).isEqualTo(objects);
    }

    @Test
    void aKernelWhoseInvalidationsAreMissingIsRefusedAtTheStart() {
        kernel.smmuV3().device(PATH + 1, true);
        int files = kernel.openFiles();
        system.missing.add(Ioctl.HWPT_INVALIDATE.number());

        assertThat(refusal(PATH)).isEqualTo(Errno.ENOTTY);
        assertThat(refusal(PATH + 1)).isEqualTo(Errno.ENOTTY);
        assertThat(kernel.objects()).describedAs("the IOAS is left").isOne();
        assertThat(kernel.openFiles()).isEqualTo(files);
    }

    private int refusal(String path) {
        return catchThrowableOfType(HostException.class, () -> host.add(RID, path)).errno();
    }
}
