package nestor.virtio.iommu;

import static nestor.virtio.iommu.TableHarness.ENDPOINT;
import static nestor.virtio.iommu.TableHarness.IOTLB;
import static nestor.virtio.iommu.TableHarness.OK;
import static nestor.virtio.iommu.TableHarness.PASID_CACHE;
import static nestor.virtio.iommu.TableHarness.attachCds;
import static nestor.virtio.iommu.TableHarness.attachX86;
import static nestor.virtio.iommu.TableHarness.cdWord0;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.OptionalLong;
import nestor.hostsim.SimulatedDevice;
import nestor.hostsim.SimulatedDevice.Attachment;
import nestor.hostsim.SimulatedHost;
import nestor.iommu.host.HostException;
import nestor.iommufd.IommufdHost;
import nestor.testkit.PageTables;
import org.junit.jupiter.api.Test;

/** A driver's tables on hosts that walk both stages and cache as hardware does. */
class NestedHostTest {
    private static final String PATH = "/dev/vfio/devices/vfio0";
    private static final long IOVA = 0x7000_0000;
    private static final int DOMAIN = 1;
    private static final int PASID = 3;

    /** Which hardware the host has. */
    private enum Kind {
        VTD,
        SMMUV3
    }

    private static final class World {
        final TableHarness tables = new TableHarness(TableProfile.NESTOR);
        final SimulatedHost kernel = new SimulatedHost();
        final Kind kind;
        final SimulatedDevice device;
        final IommufdHost host;
        final PageTables pages;
        final long data;
        private final long cds;

        World(Kind kind) throws HostException {
            this.kind = kind;
            var unit = kind == Kind.VTD ? kernel.vtd() : kernel.smmuV3();
            device = unit.device(PATH, true);
            host = IommufdHost.open(kernel, tables.machine.memory());
            host.add(ENDPOINT, PATH);
            tables.device.assign(ENDPOINT, host);
            pages = kind == Kind.VTD ? tables.x86(4) : tables.arm();
            data = tables.machine.allocate(4096);
            cds = tables.machine.allocate(4096);
            tables.store(data, 0x1111);
            pages.map(IOVA, data, 12, TableHarness.ALL_PERMISSIONS);
            tables.writeCd(cds + 64 * PASID, cdWord0(1), pages.root());
        }

        int attach(int domain) {
            return tables.iommu.status(
                    kind == Kind.VTD
                            ? attachX86(domain, ENDPOINT, PASID, pages.root(), 0, 48)
                            : attachCds(domain, ENDPOINT, 0, 0, cds, 4));
        }

        OptionalLong load() {
            return device.load(PASID, IOVA);
        }

        void end() {
            tables.device.unassign(ENDPOINT);
            host.close();
            assertThat(kernel.objects()).isZero();
            assertThat(kernel.openFiles()).isZero();
            assertThat(device.changes()).noneMatch(change -> change.to() == Attachment.PARENT);
        }
    }

    @Test
    void attachedTablesAreTranslatedByBothStages() throws HostException {
        for (Kind kind : Kind.values()) {
            var world = new World(kind);
            int idle = world.kernel.objects();
            assertThat(world.attach(DOMAIN)).isEqualTo(OK);
            assertThat(world.load()).hasValue(0x1111);
            assertThat(world.kernel.objects()).isEqualTo(idle + 1);
            assertThat(world.tables.iommu.detach(DOMAIN, ENDPOINT)).isEqualTo(OK);
            assertThat(world.load()).isEmpty();
            assertThat(world.kernel.objects()).isEqualTo(idle);
            world.end();
        }
    }

    @Test
    void hardwareForgetsWhenTheDriverSaysSo() throws HostException {
        for (Kind kind : Kind.values()) {
            var world = new World(kind);
            world.attach(DOMAIN);
            assertThat(world.load()).hasValue(0x1111);
            world.pages.unmap(IOVA);
            assertThat(world.tables.invalidatePages(DOMAIN, IOTLB, PASID, IOVA + 0x1000, 1))
                    .isEqualTo(OK);
            assertThat(world.load()).describedAs("another page").hasValue(0x1111);
            assertThat(world.tables.invalidatePages(DOMAIN, IOTLB, PASID, IOVA, 1)).isEqualTo(OK);
            assertThat(world.load()).isEmpty();
            world.end();
        }
    }

    @Test
    void aContextDescriptorIsReadAgainWhenTheDriverSaysSo() throws HostException {
        var world = new World(Kind.SMMUV3);
        world.attach(DOMAIN);
        assertThat(world.load()).hasValue(0x1111);
        world.tables.store(world.cds + 64 * PASID, 0);
        assertThat(world.load()).hasValue(0x1111);
        assertThat(world.tables.invalidatePasid(DOMAIN, PASID_CACHE | IOTLB, PASID)).isEqualTo(OK);
        assertThat(world.load()).isEmpty();
        world.end();
    }

    @Test
    void anotherDomainReplacesTheFirst() throws HostException {
        for (Kind kind : Kind.values()) {
            var world = new World(kind);
            world.attach(DOMAIN);
            int objects = world.kernel.objects();
            assertThat(world.attach(DOMAIN + 1)).isEqualTo(OK);
            assertThat(world.load()).hasValue(0x1111);
            assertThat(world.kernel.objects()).isLessThanOrEqualTo(objects);
            world.end();
        }
    }

    @Test
    void whatAnotherDomainHadCachedIsNotThisOnes() throws HostException {
        for (Kind kind : Kind.values()) {
            var world = new World(kind);
            world.attach(DOMAIN);
            assertThat(world.load()).hasValue(0x1111);
            world.pages.unmap(IOVA);
            assertThat(world.attach(DOMAIN + 1)).describedAs("the same tables").isEqualTo(OK);
            assertThat(world.load()).describedAs("%s", kind).isEmpty();
            world.end();
        }
    }

    @Test
    void faultsOfHardwareAreReported() throws HostException {
        var world = new World(Kind.SMMUV3);
        world.tables.eventBuffers(2, 64);
        world.attach(DOMAIN);
        assertThat(world.device.load(PASID, IOVA + 0x5000)).isEmpty();
        world.host.poll();
        assertThat(world.tables.report()).contains("00500070");
        world.end();
    }

    @Test
    void aResetLeavesNothingBehind() throws HostException {
        for (Kind kind : Kind.values()) {
            var world = new World(kind);
            int idle = world.kernel.objects();
            world.attach(DOMAIN);
            world.tables.iommu.driver.reset();
            assertThat(world.load()).isEmpty();
            assertThat(world.kernel.objects()).isEqualTo(idle);
            world.end();
        }
    }
}
