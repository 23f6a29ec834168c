package nestor.smmuv3;

import static nestor.smmuv3.SmmuHarness.CONTEXTS;
import static nestor.smmuv3.SmmuHarness.SID;
import static nestor.smmuv3.SmmuHarness.SYNC;
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
import nestor.smmuv3.event.Event;
import nestor.testkit.PageTables;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** A guest's stream on a host that walks both stages and caches as hardware does. */
class NestedHostTest {
    private static final String PATH = "/dev/vfio/devices/vfio0";
    private static final long IOVA = 0x7000_0000;
    private static final long DATA = 0xe_0000;
    private static final long OTHER_DATA = 0xe_1000;
    private static final int SSID = 3;
    private static final int ASID = 9;
    private static final int CDMAX = 4;
    private static final int NONE = Requester.NO_PASID;
    private static final int ALL = Permissions.READ | Permissions.WRITE;
    private static final long STREAM = (long) SID << 32;
    private static final long CFGI_STE = 0x03 | STREAM;
    private static final long CFGI_CD = 0x05 | STREAM;
    private static final long TLBI_NH_ASID = 0x11 | (long) ASID << 48;
    private static final long TLBI_NH_VA = 0x12 | (long) ASID << 48;
    private static final long ATC_INV = 0x40 | 1 << 11 | (long) SSID << 12 | STREAM;

    /** A machine with one device assigned, its SMMU on, its stream aborting. */
    private static final class World {
        final SmmuHarness smmu;
        final SimulatedHost kernel = new SimulatedHost();
        final SimulatedDevice device;
        final IommufdHost host;
        final PageTables tables;
        final PageTables others;

        World() throws HostException {
            this(false);
        }

        World(boolean ats) throws HostException {
            smmu = new SmmuHarness(SmmuV3Options.builder().stages(true, false).build()).enabled();
            device = kernel.smmuV3().device(PATH, ats);
            host = IommufdHost.open(kernel, smmu.memory);
            host.add(SID, PATH);
            smmu.smmu.assign(SID, host);
            smmu.loop.runUntilIdle();
            tables = smmu.stage1Tables();
            others = smmu.stage1Tables();
            smmu.store(DATA, 0x1111);
            smmu.store(OTHER_DATA, 0x2222);
            tables.map(IOVA, DATA, 12, ALL);
            others.map(IOVA, OTHER_DATA, 12, ALL);
        }

        /** Config 5 with a table of Context descriptors, S1DSS = SSID0. */
        void attach() {
            smmu.cd(SSID, ASID, tables.root(), 0);
            smmu.stage1Stream(SID, CDMAX, 2);
            configured();
        }

        void detach() {
            smmu.ste(SID, 1, 0, 0, 0);
            configured();
        }

        void configured() {
            smmu.submit(CFGI_STE, 1, SYNC, 0);
        }

        OptionalLong load(int ssid) {
            return device.load(ssid, IOVA);
        }

        void end() {
            smmu.smmu.unassign(SID);
            host.close();
            assertThat(kernel.objects()).isZero();
            assertThat(kernel.openFiles()).isZero();
            assertThat(device.changes()).noneMatch(change -> change.to() == Attachment.PARENT);
        }
    }

    @Test
    @DisplayName("the host gets the STE's words, and no other bits of it")
    void aStreamIsTranslatedByBothStages() throws HostException {
        var world = new World();
        int idle = world.kernel.objects();
        assertThat(world.load(SSID)).isEmpty();
        world.attach();
        assertThat(world.smmu.isIdle()).isTrue();
        assertThat(world.device.stage1(NONE))
                .contains(
                        new Stage1.SmmuV3(
                                1 | 5 << 1 | CONTEXTS | (long) CDMAX << 59, 2 | 1L << 28));
        assertThat(world.load(SSID)).hasValue(0x1111);
        assertThat(world.device.store(SSID, IOVA + 8, 0x3333)).isTrue();
        assertThat(world.smmu.load(DATA + 8)).isEqualTo(0x3333);
        assertThat(world.kernel.objects()).isEqualTo(idle + 1);
        world.detach();
        assertThat(world.load(SSID)).isEmpty();
        assertThat(world.kernel.objects()).isEqualTo(idle);
        world.end();
    }

    @Test
    @DisplayName("Config 4 and SMMUEN = 0 pass, and nothing else ever does")
    void bypassIsWhatTheGuestMeansByIt() throws HostException {
        var world = new World();
        world.smmu.ste(SID, 1 | 4 << 1, 0, 0, 0);
        world.configured();
        assertThat(world.device.load(NONE, DATA)).hasValue(0x1111);
        world.attach();
        assertThat(world.device.load(NONE, DATA)).isEmpty();
        assertThat(world.load(SSID)).hasValue(0x1111);
        world.smmu.control(0);
        assertThat(world.device.load(NONE, DATA)).hasValue(0x1111);
        world.smmu.write32(0x044, 1 << 31 | 1 << 20); // GBPA.ABORT
        world.smmu.loop.runUntilIdle();
        assertThat(world.device.load(NONE, DATA)).isEmpty();
        assertThat(world.device.changes())
                .extracting(SimulatedDevice.Change::to)
                .containsExactly(
                        Attachment.PARENT,
                        Attachment.NESTED,
                        Attachment.PARENT,
                        Attachment.BLOCKED);
    }

    @Test
    @DisplayName("what is not invalidated stays: a command that is not forwarded shows")
    void hardwareForgetsWhenTheGuestSaysSo() throws HostException {
        long[][] commands = {
            {TLBI_NH_VA, IOVA},
            {TLBI_NH_ASID, 0},
            {0x10, 0},
            {0x13, IOVA},
            {0x30, 0},
            {TLBI_NH_VA | 3L << 20, IOVA | 1 << 10} // a range, TG = 4 KiB
        };
        for (long[] command : commands) {
            var world = new World();
            world.attach();
            assertThat(world.load(SSID)).hasValue(0x1111);
            world.tables.unmap(IOVA);
            world.smmu.submit(0x11 | (ASID + 1L) << 48, 0, SYNC, 0);
            assertThat(world.load(SSID)).describedAs("another ASID").hasValue(0x1111);
            world.smmu.submit(command[0], command[1], SYNC, 0);
            assertThat(world.smmu.isIdle()).isTrue();
            assertThat(world.load(SSID)).isEmpty();
            world.end();
        }
    }

    @Test
    void aContextDescriptorIsReadAgainWhenTheGuestSaysSo() throws HostException {
        long[][] commands = {
            {CFGI_CD | (long) SSID << 12, 1}, {0x06 | STREAM, 0}, {CFGI_STE, 1}, {0x04, 31}
        };
        for (long[] command : commands) {
            var world = new World();
            world.attach();
            assertThat(world.load(SSID)).hasValue(0x1111);
            world.smmu.cd(SSID, ASID + 1, world.others.root(), 0);
            assertThat(world.load(SSID)).describedAs("cached").hasValue(0x1111);
            world.smmu.submit(command[0], command[1], SYNC, 0);
            assertThat(world.load(SSID)).hasValue(0x2222);
            world.end();
        }
    }

    @Test
    void anAtcForgetsWhenTheGuestSaysSo() throws HostException {
        var world = new World(true);
        world.attach();
        assertThat(world.load(SSID)).hasValue(0x1111);
        world.tables.unmap(IOVA);
        world.smmu.submit(TLBI_NH_VA, IOVA, SYNC, 0);
        assertThat(world.load(SSID)).describedAs("in the ATC").hasValue(0x1111);
        world.smmu.submit(ATC_INV, IOVA, SYNC, 0);
        assertThat(world.smmu.isIdle()).isTrue();
        assertThat(world.load(SSID)).isEmpty();
        world.end();
    }

    @Test
    void bitsThatMeanNothingDoNotReachTheHost() throws HostException {
        var world = new World();
        world.attach();
        assertThat(world.load(SSID)).hasValue(0x1111);
        world.tables.unmap(IOVA);
        world.smmu.submit(TLBI_NH_ASID | 0xffffL << 32, -1, SYNC, 0); // a VMID, and reserved bits
        assertThat(world.smmu.isIdle()).isTrue();
        assertThat(world.load(SSID)).isEmpty();
        assertThat(world.device.stage1(NONE)).isPresent();
        world.end();
    }

    @Test
    void anotherTableReplacesTheFirst() throws HostException {
        var world = new World();
        world.attach();
        int objects = world.kernel.objects();
        world.smmu.ste(SID, 1 | 5 << 1 | CONTEXTS | (CDMAX + 1L) << 59, 2, 0, 0);
        world.configured();
        assertThat(world.load(SSID)).hasValue(0x1111);
        assertThat(world.kernel.objects()).isEqualTo(objects);
        assertThat(world.device.changes())
                .extracting(SimulatedDevice.Change::to)
                .containsExactly(Attachment.NESTED, Attachment.NESTED);
        world.end();
    }

    @Test
    void faultsOfHardwareAreTheGuestsEvents() throws HostException {
        var world = new World();
        world.attach();
        assertThat(world.device.load(SSID, IOVA + 0x5000)).isEmpty();
        world.host.poll();
        var event = world.smmu.event();
        assertThat(event.number()).isEqualTo(Event.F_TRANSLATION);
        assertThat(event.sid()).isEqualTo(SID);
        assertThat(event.dw2()).isEqualTo(IOVA + 0x5000);
        assertThat(event.dw0() >>> 11 & 1).describedAs("SSV").isEqualTo(1);
        assertThat(world.device.load(SSID + 1, IOVA)).isEmpty();
        world.host.poll();
        assertThat(world.smmu.event().number()).isEqualTo(Event.C_BAD_CD);
        world.end();
    }

    @Test
    @DisplayName("more faults than the host's queue holds: some are lost, and nothing else is")
    void eventsThatTheHostLostAreLost() throws HostException {
        var world = new World();
        world.attach();
        for (int i = 0; i < 1100; i++) {
            assertThat(world.device.load(SSID, IOVA + 0x5000)).isEmpty();
        }
        world.host.poll();
        while (world.smmu.hasEvent()) {
            assertThat(world.smmu.event().number()).isEqualTo(Event.F_TRANSLATION);
        }
        assertThat(world.load(SSID)).hasValue(0x1111);
        assertThat(world.device.load(SSID, IOVA + 0x6000)).isEmpty();
        world.smmu.write32(0x1_00ac, world.smmu.read32(0x1_00a8)); // the overflow is seen
        world.host.poll();
        assertThat(world.smmu.event().dw2()).isEqualTo(IOVA + 0x6000);
        world.end();
    }

    @Test
    void pageRequestsComeAndGo() throws HostException {
        var world = new World();
        world.attach();
        assertThat(world.device.requestPage(SSID, 2, IOVA + 0x5000, 1)).isTrue();
        world.host.poll();
        world.smmu.submit(
                0x41 | 1 << 11 | (long) SSID << 12 | STREAM, 2 << 12, SYNC, 0); // PRI_RESP success
        assertThat(world.device.pageResponses()).containsExactly(0);
        assertThat(world.device.requestPage(SSID, 3, IOVA + 0x6000, 1)).isTrue();
        world.host.poll();
        world.smmu.smmu.unassign(SID);
        assertThat(world.device.pageResponses()).describedAs("in flight").containsExactly(0, 1);
        world.end();
    }

    @Test
    void aDeviceThatIsPulledLeavesNothingBehind() throws HostException {
        var world = new World();
        world.attach();
        world.end();
        assertThat(world.load(SSID)).isEmpty();
    }
}
