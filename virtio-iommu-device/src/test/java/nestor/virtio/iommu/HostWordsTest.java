package nestor.virtio.iommu;

import static nestor.virtio.iommu.TableHarness.DEV_IOTLB;
import static nestor.virtio.iommu.TableHarness.ENDPOINT;
import static nestor.virtio.iommu.TableHarness.F_PASID;
import static nestor.virtio.iommu.TableHarness.IOTLB;
import static nestor.virtio.iommu.TableHarness.OK;
import static nestor.virtio.iommu.TableHarness.VA;
import static nestor.virtio.testkit.DriverQueue.readable;
import static nestor.virtio.testkit.DriverQueue.writable;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import nestor.hostsim.SimulatedHost;
import nestor.iommu.host.HostException;
import nestor.iommufd.IommufdHost;
import nestor.testkit.AssignedGuest.Refusal;
import nestor.testkit.HostCalls;
import nestor.virtio.iommu.table.TableKind;
import org.junit.jupiter.api.Test;

/** What the kernel is asked, word for word, and in how many calls. */
class HostWordsTest {
    private static final String PATH = "/dev/vfio/devices/vfio0";
    private static final long IOVA = 0x7000_0000;

    /** A guest whose host is watched. */
    private static final class World implements AutoCloseable {
        final TableGuest guest;
        final SimulatedHost kernel = new SimulatedHost();
        final HostCalls calls = new HostCalls(kernel);
        final IommufdHost host;

        World(TableKind kind) throws HostException {
            guest = new TableGuest(kind);
            guest.device(kernel, PATH);
            host = IommufdHost.open(calls.system(), guest.memory());
            host.add(ENDPOINT, PATH);
            guest.assign(host);
            calls.take();
        }

        /** So many INVALIDATE requests of a page each, and one notification. */
        List<String> invalidate(int domain, int caches, int requests) {
            var machine = guest.tables.machine;
            long buffer = machine.allocate(requests * 128L);
            for (int i = 0; i < requests; i++) {
                long at = buffer + 128L * i;
                long page = IOVA + 0x2000L * i;
                byte[] request =
                        TableHarness.invalidateBytes(
                                VA, caches, F_PASID, domain, 1, 0, page, 1, 12);
                machine.write(at, request);
                guest.tables.iommu.requests.offer(
                        readable(at, request.length), writable(at + 64, 4));
            }
            guest.tables.iommu.requests.kick();
            machine.run();
            assertThat(guest.tables.iommu.requests.drain()).hasSize(requests);
            for (int i = 0; i < requests; i++) {
                assertThat((int) machine.read(buffer + 128L * i + 64, 1)[0]).isEqualTo(OK);
            }
            return calls.take();
        }

        @Override
        public void close() {
            guest.unassign();
            host.close();
            assertThat(kernel.objects()).isZero();
            guest.close();
        }
    }

    @Test
    void aTableOfContextDescriptorsIsAnEntryOfTheStreamTable() throws HostException {
        try (var world = new World(TableKind.ARM_SMMUV3)) {
            world.guest.attach();
            List<String> all = world.calls.take();
            assertThat(all.get(0))
                    .matches(
                            "HWPT_ALLOC dev=2 pt=4 flags=0x4 type=2 fault=6"
                                    + " \\[200000004[0-9a-f]{4}00b, 2\\] = 8");
            assertThat(all.get(1)).isEqualTo("DEVICE_ATTACH_IOMMUFD_PT pt=8");
            world.guest.bind(3, 0);
            assertThat(world.calls.take())
                    .containsExactly(
                            "HWPT_INVALIDATE 4 type=1 [2800003005, 1] [10, 0] [2800003840, 34] = 3");
            world.guest.invalidate(3, IOVA);
            assertThat(world.calls.take())
                    .containsExactly(
                            "HWPT_INVALIDATE 4 type=1 [13, 70000000] [2800003840, 70000000] = 2");
            world.guest.changeContext();
            assertThat(world.calls.take())
                    .describedAs("another domain of the same table is the same stage 1")
                    .containsExactly(
                            "HWPT_INVALIDATE 4 type=1 [2800000006, 0] [10, 0] [2800000040, 34] = 3");
        }
    }

    @Test
    void aFirstStageIsPageTablesOfAPasid() throws HostException {
        try (var world = new World(TableKind.VTD_FIRST_STAGE)) {
            long root = world.guest.tables(0).root();
            world.guest.bind(5, 0);
            assertThat(world.calls.take())
                    .startsWith(
                            "HWPT_ALLOC dev=2 pt=3 flags=0xc type=1 fault=5 [0, %x, 30] = 6"
                                    .formatted(root),
                            "DEVICE_ATTACH_IOMMUFD_PT pasid=0x5 pt=6");
            world.guest.invalidate(5, IOVA);
            assertThat(world.calls.take())
                    .containsExactly("HWPT_INVALIDATE 6 type=0 [70000000, 1, 0] = 1");
            world.guest.bind(5, 1);
            assertThat(world.calls.take())
                    .startsWith(
                            "HWPT_ALLOC dev=2 pt=3 flags=0xc type=1 fault=5 [0, %x, 30] = 7"
                                    .formatted(world.guest.tables(1).root()),
                            "DEVICE_ATTACH_IOMMUFD_PT pasid=0x5 pt=7",
                            "DESTROY 6");
            world.guest.unbind(5);
            assertThat(world.calls.take())
                    .startsWith("DEVICE_DETACH_IOMMUFD_PT pasid=0x5", "DESTROY 7");
        }
    }

    @Test
    void eachRequestHasItsOwnReplyAndItsOwnCall() throws HostException {
        try (var world = new World(TableKind.ARM_SMMUV3)) {
            world.guest.attach();
            world.guest.bind(1, 0);
            world.calls.take();
            assertThat(world.invalidate(1, IOTLB | DEV_IOTLB, 16))
                    .hasSize(16)
                    .allMatch(call -> call.endsWith("= 2"));
        }
        try (var world = new World(TableKind.VTD_FIRST_STAGE)) {
            world.guest.bind(1, 0);
            world.calls.take();
            assertThat(world.invalidate(4, IOTLB | DEV_IOTLB, 16))
                    .hasSize(16)
                    .allMatch(call -> call.endsWith("= 1"));
        }
    }

    @Test
    void aRangeOfPagesIsOneCall() throws HostException {
        try (var world = new World(TableKind.ARM_SMMUV3)) {
            world.guest.attach();
            world.guest.bind(1, 0);
            world.calls.take();
            assertThat(world.guest.tables.invalidatePages(1, IOTLB, 1, IOVA, 64)).isEqualTo(OK);
            assertThat(world.calls.take())
                    .describedAs("64 commands, and one for the ATC")
                    .singleElement()
                    .asString()
                    .endsWith("= 65");
            assertThat(world.guest.tables.invalidatePages(1, IOTLB, 1, IOVA, 65)).isEqualTo(OK);
            assertThat(world.calls.take().getFirst())
                    .startsWith("HWPT_INVALIDATE 4 type=1 [10, 0] [2800001840, ");
        }
    }

    @Test
    void behindAnEntryThatIsRefusedTheOthersGoOn() throws HostException {
        try (var world = new World(TableKind.ARM_SMMUV3)) {
            world.guest.attach();
            world.guest.bind(1, 0);
            world.calls.take();
            world.calls.refuseEntry(2);
            assertThat(world.guest.tables.invalidatePages(1, IOTLB, 1, IOVA, 5))
                    .isEqualTo(TableHarness.DEVERR);
            List<String> all = world.calls.take();
            assertThat(all.get(0)).endsWith("= -5");
            assertThat(all.get(1))
                    .startsWith("HWPT_INVALIDATE 4 type=1 [13, 70003000] [13, 70004000] [28")
                    .endsWith("= 4");
            assertThat(all.subList(2, all.size()))
                    .describedAs("and the endpoint is blocked")
                    .containsExactly("DEVICE_DETACH_IOMMUFD_PT", "DESTROY 8");
            assertThat(world.guest.takeRefusal()).isEqualTo(Refusal.NONE);
        }
    }
}
