package nestor.hostsim;

import static nestor.hostsim.FunctionHarness.IOVA;
import static nestor.hostsim.FunctionHarness.PAGE;
import static nestor.hostsim.FunctionHarness.VECTORS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import nestor.iommu.host.HostException;
import nestor.iommufd.Errno;
import nestor.iommufd.Uapi.DeviceInfo;
import nestor.iommufd.Uapi.IrqInfo;
import nestor.iommufd.Uapi.RegionInfo;
import nestor.iommufd.VfioDevice;
import nestor.iommufd.VfioRegion;
import nestor.pci.CompletionStatus;
import nestor.pci.Requester;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** A function of the simulated host's through its VFIO device. */
class VfioFunctionTest {
    private static final int COMMAND = 4;
    private static final int MEMORY = 2;
    private static final int BUS_MASTER = 4;

    private final FunctionHarness host;
    private final VfioDevice vfio;
    private final VfioRegion config;
    private final VfioRegion bar0;

    VfioFunctionTest() throws HostException {
        host = new FunctionHarness();
        vfio = host.vfio;
        config = vfio.region(RegionInfo.INDEX_CONFIG);
        bar0 = vfio.region(0);
    }

    @AfterEach
    void close() {
        host.close();
        assertThat(host.system.openFiles()).isZero();
        assertThat(host.system.objects()).isZero();
    }

    private static int errno(ThrowingCallable call) {
        return catchThrowableOfType(HostException.class, call).errno();
    }

    @Test
    void itSaysWhatItHas() throws HostException {
        assertThat(vfio.info())
                .isEqualTo(
                        new VfioDevice.Summary(DeviceInfo.FLAG_PCI | DeviceInfo.FLAG_RESET, 9, 5));
        assertThat(bar0.sizeBytes()).isEqualTo(64);
        assertThat(vfio.region(1).sizeBytes()).isZero();
        assertThat(vfio.region(2).sizeBytes()).isEqualTo(1 << 14);
        assertThat(vfio.region(3).sizeBytes()).isZero();
        assertThat(config.sizeBytes()).isEqualTo(4096);
        assertThat(config.flags()).isEqualTo(RegionInfo.FLAG_READ | RegionInfo.FLAG_WRITE);
        assertThat(bar0.mappable()).isEmpty();
        assertThat(vfio.irqs(IrqInfo.INDEX_INTX).count()).isZero();
        assertThat(vfio.irqs(IrqInfo.INDEX_MSI).count()).isEqualTo(4);
        assertThat(vfio.irqs(IrqInfo.INDEX_MSIX).count()).isEqualTo(VECTORS);
        assertThat(vfio.irqs(IrqInfo.INDEX_REQ).count()).isEqualTo(1);
        assertThat(errno(() -> vfio.region(9))).isEqualTo(Errno.EINVAL);
        assertThat(errno(() -> vfio.irqs(5))).isEqualTo(Errno.EINVAL);
    }

    @Test
    void registersAreReadAndWrittenInTheirSizes() throws HostException {
        vfio.write(bar0, 8, 8, 0x1122_3344_5566_7788L);
        assertThat(vfio.read(bar0, 8, 8)).isEqualTo(0x1122_3344_5566_7788L);
        assertThat(vfio.read(bar0, 8, 4)).isEqualTo(0x5566_7788L);
        assertThat(vfio.read(bar0, 10, 1)).isEqualTo(0x66);
        assertThat(errno(() -> vfio.read(bar0, 64, 1))).isEqualTo(Errno.EINVAL);
        assertThat(host.system.pread(0, host.memory, 0)).isEqualTo(-Errno.EBADF);
    }

    @Test
    void withoutMemoryEnabledItsBarsAreNotThere() throws HostException {
        vfio.write(config, COMMAND, 2, 0);
        assertThat(errno(() -> vfio.read(bar0, 0, 4))).isEqualTo(Errno.EIO);
        vfio.write(config, COMMAND, 2, MEMORY);
        assertThat(vfio.read(bar0, 0, 4)).isZero();
    }

    @Test
    void barsOfTheConfigurationSpaceAreTheUsers() throws HostException {
        vfio.write(config, 0x10, 4, -1);
        vfio.write(config, 0x18, 4, -1);
        vfio.write(config, 0x1c, 4, -1);
        assertThat(vfio.read(config, 0x10, 4)).isEqualTo(0xffff_ffc0L);
        assertThat(vfio.read(config, 0x18, 4)).isEqualTo(0xffff_c00cL);
        assertThat(vfio.read(config, 0x1c, 4)).isEqualTo(0xffff_ffffL);
        assertThat(vfio.read(config, 0x14, 4)).isZero();
        assertThat(vfio.read(config, 0, 4)).isEqualTo(0x5678_1234L);
        vfio.write(bar0, 0, 8, 3);
        assertThat(vfio.read(bar0, 0, 8)).describedAs("still where it was").isEqualTo(3);
    }

    @Test
    void thePasidCapabilityIsLeftOutAndAtsCannotBeWritten() throws HostException {
        int at = 0x100;
        int ats = 0;
        while (at != 0) {
            int header = (int) vfio.read(config, at, 4);
            assertThat(header & 0xffff).isNotEqualTo(0x1b);
            ats = (header & 0xffff) == 0xf ? at : ats;
            at = header >>> 20;
        }
        assertThat(ats).isNotZero();
        assertThat(vfio.read(config, ats + 6, 2)).describedAs("enabled").isEqualTo(1 << 15);
        vfio.write(config, ats + 6, 2, 0);
        assertThat(vfio.read(config, ats + 6, 2)).isEqualTo(1 << 15);
    }

    @Test
    void dmaNeedsBusMasterAndAnAttachment() throws HostException {
        assertThat(host.store(IOVA, 1)).isEqualTo(CompletionStatus.UNSUPPORTED_REQUEST);
        vfio.write(config, COMMAND, 2, MEMORY | BUS_MASTER);
        assertThat(host.store(IOVA, 1)).isEqualTo(CompletionStatus.UNSUPPORTED_REQUEST);
        vfio.attach(Requester.NO_PASID, host.ioas);
        assertThat(host.store(IOVA + PAGE, 0x77)).isEqualTo(CompletionStatus.SUCCESSFUL);
        assertThat(host.at(PAGE)).isEqualTo(0x77);
        assertThat(host.store(IOVA - PAGE, 1)).isEqualTo(CompletionStatus.UNSUPPORTED_REQUEST);
        vfio.detach(Requester.NO_PASID);
        assertThat(host.store(IOVA, 1)).isEqualTo(CompletionStatus.UNSUPPORTED_REQUEST);
    }

    @Test
    void vectorsOfMsixCountInTheirEventfds() throws HostException {
        vfio.write(config, COMMAND, 2, MEMORY | BUS_MASTER);
        int first = host.system.eventfd();
        int last = host.system.eventfd();
        host.physical().signalMsix(0);
        vfio.signal(IrqInfo.INDEX_MSIX, 0, first, -1, last);
        host.physical().signalMsix(2);
        host.physical().signalMsix(2);
        host.physical().signalMsix(1);
        assertThat(host.count(first)).isZero();
        assertThat(host.count(last)).isEqualTo(2);
        assertThat(errno(() -> vfio.signal(IrqInfo.INDEX_MSIX, 3, first))).isEqualTo(Errno.EINVAL);
        assertThat(errno(() -> vfio.signal(IrqInfo.INDEX_MSI, 0, first)))
                .describedAs("MSI-X is on")
                .isEqualTo(Errno.EINVAL);
        vfio.disableIrqs(IrqInfo.INDEX_MSIX);
        host.physical().signalMsix(2);
        assertThat(host.count(last)).isZero();
        vfio.signal(IrqInfo.INDEX_MSI, 0, first);
        host.physical().signalMsi(0);
        assertThat(host.count(first)).isEqualTo(1);
        host.system.close(first);
        host.system.close(last);
    }

    @Test
    void aResetIsTheFunctionsAndKeepsItsInterrupts() throws HostException {
        int fd = host.system.eventfd();
        vfio.signal(IrqInfo.INDEX_MSIX, 0, fd);
        vfio.write(bar0, 0, 8, 5);
        vfio.reset();
        assertThat(vfio.read(bar0, 0, 8)).isZero();
        assertThat(host.resets()).isEqualTo(1);
        vfio.write(config, COMMAND, 2, MEMORY | BUS_MASTER);
        host.physical().signalMsix(0);
        assertThat(host.count(fd)).isEqualTo(1);
        host.system.close(fd);
    }

    @Test
    void pollWaitsForAnyOfSeveral() throws Exception {
        int quiet = host.system.eventfd();
        int req = host.system.eventfd();
        vfio.signal(IrqInfo.INDEX_REQ, 0, req);
        boolean[] readable = new boolean[2];
        assertThat(host.system.poll(new int[] {quiet, req}, readable, 0)).isZero();

        Thread driver = Thread.ofPlatform().start(host.device::requestRelease);
        int ready = host.system.poll(new int[] {quiet, req}, readable, -1);
        driver.join();

        assertThat(ready).isEqualTo(1);
        assertThat(readable).containsExactly(false, true);
        assertThat(host.system.poll(new int[] {quiet, 99}, readable, 0)).isEqualTo(-Errno.EBADF);
        host.system.close(quiet);
        host.system.close(req);
    }
}
