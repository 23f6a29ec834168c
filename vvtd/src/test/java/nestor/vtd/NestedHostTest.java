package nestor.vtd;

import static nestor.vtd.VtdHarness.DID;
import static nestor.vtd.VtdHarness.FIRST_STAGE;
import static nestor.vtd.VtdHarness.RID;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.OptionalLong;
import nestor.hostsim.SimulatedDevice;
import nestor.hostsim.SimulatedDevice.Attachment;
import nestor.hostsim.SimulatedHost;
import nestor.iommu.host.HostException;
import nestor.iommu.host.Stage1;
import nestor.iommufd.IommufdHost;
import nestor.paging.Permissions;
import nestor.pci.Requester;
import nestor.testkit.PageTables;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** A guest's first stage on a host that walks both stages and caches as hardware does. */
class NestedHostTest {
    private static final String PATH = "/dev/vfio/devices/vfio0";
    private static final long IOVA = 0x7000_0000;
    private static final long DATA = 0x5_8000;
    private static final long OTHER_DATA = 0x5_9000;
    private static final int PASID = 5;
    private static final int ALL = Permissions.READ | Permissions.WRITE;

    /** A machine with one device assigned, its unit in scalable mode. */
    private static final class World {
        final VtdHarness vtd =
                new VtdHarness(VtdOptions.whole().with(VtdProperty.CACHING_MODE, 1))
                        .scalable()
                        .queue(true);
        final SimulatedHost kernel = new SimulatedHost();
        final SimulatedDevice device = kernel.vtd().device(PATH, true);
        final IommufdHost host;
        final PageTables tables = vtd.firstStageTables(4);
        final PageTables others = vtd.firstStageTables(4);

        World() throws HostException {
            host = IommufdHost.open(kernel, vtd.memory);
            host.add(RID, PATH);
            vtd.unit.assign(RID, host);
            vtd.loop.runUntilIdle();
            vtd.store(DATA, 0x1111);
            vtd.store(OTHER_DATA, 0x2222);
            tables.map(IOVA, DATA, 12, ALL);
            others.map(IOVA, OTHER_DATA, 12, ALL);
        }

        void set(int pasid, long qw0, long root) {
            vtd.pasid(pasid, qw0, DID, root);
            vtd.submit(7 | 1 << 4 | DID << 16 | (long) pasid << 32, 0);
        }

        void bind(int pasid, PageTables to) {
            set(pasid, 1 | FIRST_STAGE << 6, to.root());
        }

        void unbind(int pasid) {
            set(pasid, 0, 0);
        }

        /** PASID-based IOTLB invalidation of one page, and a wait. */
        void invalidatePage(int pasid, long iova) {
            vtd.put(6 | 3 << 4 | (long) pasid << 32 | DID << 16, iova);
            assertThat(vtd.isSynchronized()).isTrue();
        }

        OptionalLong load(int pasid) {
            return device.load(pasid, IOVA);
        }

        /** Everything is given back, and nothing ever passed the device through. */
        void end() {
            vtd.unit.unassign(RID);
            host.close();
            assertThat(kernel.objects()).isZero();
            assertThat(kernel.openFiles()).isZero();
            assertThat(device.changes()).noneMatch(change -> change.to() == Attachment.PARENT);
        }
    }

    @Test
    void aBoundPasidIsTranslatedByBothStages() throws HostException {
        var world = new World();
        int idle = world.kernel.objects();
        assertThat(world.load(PASID)).isEmpty();
        world.bind(PASID, world.tables);
        assertThat(world.device.stage1(PASID))
                .contains(new Stage1.VtdFirstStage(world.tables.root(), 48, 0));
        assertThat(world.load(PASID)).hasValue(0x1111);
        assertThat(world.device.store(PASID, IOVA + 8, 0x3333)).isTrue();
        assertThat(world.vtd.load(DATA + 8)).isEqualTo(0x3333);
        assertThat(world.load(PASID + 1)).describedAs("another PASID").isEmpty();
        assertThat(world.kernel.objects()).isEqualTo(idle + 1);
        world.unbind(PASID);
        assertThat(world.load(PASID)).isEmpty();
        assertThat(world.kernel.objects()).isEqualTo(idle);
        world.end();
    }

    @Test
    void requestsWithoutPasidFollowTheEntryOfRidPasid() throws HostException {
        var world = new World();
        world.bind(0, world.tables);
        assertThat(world.load(Requester.NO_PASID)).hasValue(0x1111);
        world.end();
    }

    @Test
    void anotherRootReplacesTheFirst() throws HostException {
        var world = new World();
        world.bind(PASID, world.tables);
        int objects = world.kernel.objects();
        assertThat(world.load(PASID)).hasValue(0x1111);
        world.bind(PASID, world.others);
        assertThat(world.load(PASID)).hasValue(0x2222);
        assertThat(world.kernel.objects()).isEqualTo(objects);
        assertThat(world.device.changes())
                .filteredOn(change -> change.pasid() == PASID)
                .extracting(SimulatedDevice.Change::to)
                .containsExactly(Attachment.NESTED, Attachment.NESTED);
        world.end();
    }

    @Test
    @DisplayName("what is not invalidated stays: an invalidation that is not forwarded shows")
    void hardwareForgetsWhenTheGuestSaysSo() throws HostException {
        var world = new World();
        world.bind(PASID, world.tables);
        assertThat(world.load(PASID)).hasValue(0x1111);
        world.tables.unmap(IOVA);
        assertThat(world.load(PASID)).describedAs("cached").hasValue(0x1111);
        world.invalidatePage(PASID, IOVA + 0x1000);
        assertThat(world.load(PASID)).describedAs("another page").hasValue(0x1111);
        world.invalidatePage(PASID, IOVA);
        assertThat(world.load(PASID)).isEmpty();
        world.end();
    }

    @Test
    void aDeviceTlbInvalidationAloneReachesTheHostToo() throws HostException {
        var world = new World();
        world.bind(PASID, world.tables);
        assertThat(world.load(PASID)).hasValue(0x1111);
        world.tables.unmap(IOVA);
        world.vtd.put(8 | RID << 16 | (long) PASID << 32, IOVA);
        assertThat(world.vtd.isSynchronized()).isTrue();
        assertThat(world.load(PASID)).isEmpty();
        world.end();
    }

    @Test
    void domainAndGlobalInvalidationsReachEveryPasid() throws HostException {
        var world = new World();
        for (long descriptor : new long[] {2 | 2 << 4 | DID << 16, 2 | 1 << 4}) {
            world.tables.map(IOVA, DATA, 12, ALL);
            world.bind(PASID, world.tables);
            world.bind(PASID + 1, world.tables);
            assertThat(world.load(PASID)).hasValue(0x1111);
            assertThat(world.load(PASID + 1)).hasValue(0x1111);
            world.tables.unmap(IOVA);
            world.vtd.put(descriptor, 0);
            assertThat(world.vtd.isSynchronized()).isTrue();
            assertThat(world.load(PASID)).isEmpty();
            assertThat(world.load(PASID + 1)).isEmpty();
            world.unbind(PASID);
            world.unbind(PASID + 1);
        }
        world.end();
    }

    @Test
    void theEntryOfTheDeviceChangesWhilePasidsAreBound() throws HostException {
        var world = new World();
        world.bind(0, world.tables);
        world.bind(PASID, world.tables);
        world.bind(0, world.others);
        assertThat(world.load(Requester.NO_PASID)).hasValue(0x2222);
        assertThat(world.load(PASID)).hasValue(0x1111);
        world.unbind(0);
        assertThat(world.load(Requester.NO_PASID)).isEmpty();
        assertThat(world.load(PASID)).hasValue(0x1111);
        world.end();
    }

    @Test
    void fiveLevelsAndFlagsAreJudgedByTheHost() throws HostException {
        var world = new World();
        world.set(PASID, 1 | FIRST_STAGE << 6, world.tables.root() | 1 << 2); // FSPM: 5 levels
        assertThat(world.device.stage1(PASID))
                .contains(new Stage1.VtdFirstStage(world.tables.root(), 57, 0));
        world.end();
    }

    @Test
    @DisplayName("a process dies: PASIDs go one after the other, page tables first")
    void theTeardownStormLeavesNothingBehind() throws HostException {
        var world = new World();
        int idle = world.kernel.objects();
        for (int pasid = 1; pasid < 64; pasid++) {
            world.bind(pasid, world.tables);
            assertThat(world.load(pasid)).hasValue(0x1111);
        }
        world.tables.unmap(IOVA);
        for (int pasid = 1; pasid < 64; pasid++) {
            world.unbind(pasid);
            assertThat(world.load(pasid)).isEmpty();
        }
        assertThat(world.kernel.objects()).isEqualTo(idle);
        world.end();
    }

    @Test
    void aDeviceThatIsPulledLeavesNothingBehind() throws HostException {
        var world = new World();
        world.bind(PASID, world.tables);
        world.bind(0, world.others);
        world.end();
        assertThat(world.load(PASID)).isEmpty();
    }

    @Test
    void pageRequestsComeAndGoWithTheirPasid() throws HostException {
        var world = new World();
        world.vtd.pageRequestQueue();
        world.bind(PASID, world.tables);
        assertThat(world.device.requestPage(PASID, 2, 0x9000, 1)).isTrue();
        world.host.poll();
        assertThat(world.vtd.hasPageRequest()).isTrue();
        world.vtd.submit(9 | 1 << 4 | RID << 16 | (long) PASID << 32, 0);
        assertThat(world.device.pageResponses()).containsExactly(0);
        assertThat(world.device.requestPage(PASID, 3, 0xa000, 1)).isTrue();
        world.host.poll();
        world.vtd.unit.unassign(RID);
        assertThat(world.device.pageResponses()).describedAs("in flight").containsExactly(0, 1);
        world.end();
    }
}
