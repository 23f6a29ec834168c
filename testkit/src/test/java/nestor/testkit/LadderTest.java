package nestor.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.util.ArrayList;
import java.util.List;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import nestor.hostsim.SimulatedDevice;
import nestor.hostsim.SimulatedHost;
import nestor.iommu.host.GuestOffer;
import nestor.iommu.host.HostDevice;
import nestor.iommu.host.HostException;
import nestor.iommu.host.HostReports;
import nestor.iommu.host.Stage1;
import nestor.iommufd.Errno;
import nestor.iommufd.Ioctl;
import nestor.iommufd.IommufdHost;
import nestor.vmm.memory.GuestMemory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** {@link IommufdHost} on kernels that lack something: the ladder of docs/host.md, step by step. */
class LadderTest {
    private static final String VTD = "/dev/vfio/devices/vfio0";
    private static final String SMMU = "/dev/vfio/devices/vfio1";
    private static final int RID = 8;
    private static final Logger LOGGER = Logger.getLogger(IommufdHost.class.getName());

    private final SimulatedHost kernel = new SimulatedHost();
    private final SimulatedDevice vtd = kernel.vtd().device(VTD, true);
    private final SimulatedDevice smmu = kernel.smmuV3().device(SMMU, true);
    private final HostCalls calls = new HostCalls(kernel);
    private final List<String> log = new ArrayList<>();
    private final Handler handler =
            new Handler() {
                @Override
                public void publish(LogRecord entry) {
                    log.add(entry.getMessage());
                }

                @Override
                public void flush() {}

                @Override
                public void close() {}
            };

    @BeforeEach
    void listen() {
        LOGGER.setUseParentHandlers(false);
        LOGGER.addHandler(handler);
    }

    @AfterEach
    void stopListening() {
        LOGGER.removeHandler(handler);
        LOGGER.setUseParentHandlers(true);
    }

    private IommufdHost open() throws HostException {
        return IommufdHost.open(calls.system(), GuestMemory.anonymous(0, 1 << 16));
    }

    /** The device is refused with the call and the error number; nothing of it is left. */
    private void assertRefused(String path, Ioctl missing, int errno) throws HostException {
        calls.refuse(missing, errno);
        IommufdHost host = open();
        HostException refusal =
                catchThrowableOfType(HostException.class, () -> host.add(RID, path));
        assertThat(refusal.errno()).isEqualTo(errno);
        assertThat(refusal).hasMessageContaining(missing.name());
        assertThat(kernel.objects()).describedAs("the IOAS").isOne();
        assertThat(kernel.openFiles()).isOne();
        assertThat(log).isEmpty();
        host.close();
        calls.refuse(missing, 0);
    }

    @Test
    void withoutTheFileThereIsNoHost() {
        calls.failAt(0, Errno.ENOENT);
        HostException refusal = catchThrowableOfType(HostException.class, this::open);
        assertThat(refusal).hasMessageContaining("/dev/iommu");
    }

    @Test
    @DisplayName("6.2 to 6.7: page tables, information or invalidations are missing")
    void callsThatEveryDeviceTakes() throws HostException {
        for (String path : new String[] {VTD, SMMU}) {
            for (int errno : new int[] {Errno.ENOTTY, Errno.EOPNOTSUPP}) {
                assertRefused(path, Ioctl.DEVICE_BIND_IOMMUFD, errno);
                assertRefused(path, Ioctl.GET_HW_INFO, errno);
                assertRefused(path, Ioctl.HWPT_ALLOC, errno);
            }
            assertRefused(path, Ioctl.HWPT_INVALIDATE, Errno.ENOTTY);
        }
        assertRefused(VTD, Ioctl.HWPT_INVALIDATE, Errno.EOPNOTSUPP);
    }

    @Test
    @DisplayName("before 6.13: an SMMUv3 has no vIOMMU to nest on")
    void callsThatAnSmmuV3Takes() throws HostException {
        for (int errno : new int[] {Errno.ENOTTY, Errno.EOPNOTSUPP}) {
            assertRefused(SMMU, Ioctl.VIOMMU_ALLOC, errno);
            assertRefused(SMMU, Ioctl.VDEVICE_ALLOC, errno);
        }
    }

    @Test
    void hardwareThatDoesNotNest() throws HostException {
        kernel.vtd(0, 1L << 43).device(VTD + 9, true);
        IommufdHost host = open();
        HostException refusal =
                catchThrowableOfType(HostException.class, () -> host.add(RID, VTD + 9));
        assertThat(refusal.errno()).isEqualTo(Errno.EOPNOTSUPP);
        assertThat(refusal).hasMessageContaining("HWPT_ALLOC");
        host.close();
        assertThat(kernel.objects()).isZero();
    }

    @Test
    @DisplayName("before 6.11: no page requests, and one line")
    void withoutFaultQueues() throws HostException {
        calls.refuse(Ioctl.FAULT_QUEUE_ALLOC, Errno.ENOTTY);
        IommufdHost host = open();
        host.add(RID, VTD);
        HostDevice device = host.device(RID);
        device.attach(5, device.nest(new Stage1.VtdFirstStage(0x1000, 48, 0)));
        assertThat(vtd.requestPage(5, 1, 0x9000, 1)).isFalse();
        host.poll();
        assertThat(log).singleElement().asString().contains("FAULT_QUEUE_ALLOC", "page requests");
        host.close();
        assertThat(kernel.openFiles()).isZero();
    }

    @Test
    @DisplayName("6.13: vIOMMUs without event queues: no fault events, and one line")
    void withoutEventQueues() throws HostException {
        calls.refuse(Ioctl.VEVENTQ_ALLOC, Errno.ENOTTY);
        IommufdHost host = open();
        host.add(RID, SMMU);
        HostDevice device = host.device(RID);
        List<HostReports.SmmuV3Event> events = new ArrayList<>();
        device.report(
                new HostReports() {
                    @Override
                    public void pageGroup(PageGroup group) {}

                    @Override
                    public void event(SmmuV3Event event) {
                        events.add(event);
                    }
                });
        device.attach(-1, device.nest(new Stage1.SmmuV3(1 | 5 << 1 | 0x1000, 2)));
        assertThat(smmu.load(-1, 0x9000)).isEmpty();
        host.poll();
        assertThat(events).isEmpty();
        assertThat(log).singleElement().asString().contains("VEVENTQ_ALLOC", "fault events");
        host.close();
        assertThat(kernel.openFiles()).isZero();
    }

    @Test
    void withoutPasidsNoneAreOffered() throws HostException {
        kernel.vtd(1L << 60, 1L << 47 | 1L << 43 | 1L << 26).device(VTD + 9, true);
        IommufdHost host = open();
        host.add(RID, VTD + 9);
        assertThat(GuestOffer.of(host.capabilities()).pasidBits()).isZero();
        host.close();
    }

    @Test
    @DisplayName("a kernel that cannot attach a PASID: the guest's bind is refused")
    void withoutAttachmentsOfPasids() throws HostException {
        IommufdHost host = open();
        host.add(RID, VTD);
        HostDevice device = host.device(RID);
        var domain = device.nest(new Stage1.VtdFirstStage(0x1000, 48, 0));
        calls.refuse(Ioctl.DEVICE_ATTACH_IOMMUFD_PT, Errno.EINVAL);
        HostException refusal =
                catchThrowableOfType(HostException.class, () -> device.attach(5, domain));
        assertThat(refusal).hasMessageContaining("ATTACH_IOMMUFD_PT");
        domain.close();
        host.close();
        assertThat(kernel.objects()).isZero();
    }
}
