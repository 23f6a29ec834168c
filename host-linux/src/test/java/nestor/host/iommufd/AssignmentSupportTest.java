package nestor.host.iommufd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.ArgumentMatchers.anyInt;
import static org.mockito.ArgumentMatchers.anyString;
import static org.mockito.ArgumentMatchers.eq;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.verify;
import static org.mockito.Mockito.when;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import nestor.host.Errno;
import nestor.iommufd.HostSystem;
import nestor.iommufd.Ioctl;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a host has for assigned devices, on hosts made of files. */
class AssignmentSupportTest {
    private static final int FD = 7;

    @TempDir Path root;

    private final HostSystem system = mock();

    private void file(String name, String content) throws IOException {
        Path path = root.resolve(name);
        Files.createDirectories(path.getParent());
        Files.writeString(path, content);
    }

    private List<AssignmentSupport> measured() {
        return AssignmentSupport.measure(root, () -> system);
    }

    /** A kernel that knows all calls but these. */
    private void kernelWithout(Ioctl... missing) throws IOException {
        file("dev/iommu", "");
        when(system.open(anyString())).thenReturn(FD);
        when(system.ioctl(eq(FD), anyInt(), any())).thenReturn(-Errno.EINVAL);
        for (Ioctl ioctl : missing) {
            when(system.ioctl(eq(FD), eq(ioctl.number()), any())).thenReturn(-Errno.ENOTTY);
        }
    }

    @Test
    void aHostWithNothingIsToldWhatItLacks() {
        List<AssignmentSupport> found =
                AssignmentSupport.measure(
                        root,
                        () -> {
                            throw new AssertionError("native code is not needed");
                        });

        assertThat(found)
                .extracting(AssignmentSupport::text)
                .containsExactly("no IOMMU in use", "no /dev/iommu", "no VFIO device");
        assertThat(found).noneMatch(support -> support.advice().isEmpty());
    }

    @Test
    void aHostWithAllOfItIsToldOfItsDevices() throws IOException {
        kernelWithout();
        file("sys/class/iommu/dmar0/intel-iommu/cap", "19ed008c40780c66\n");
        file("sys/class/iommu/dmar0/intel-iommu/ecap", "3ee9e86f050df\n");
        file("sys/class/iommu/smmu3.0x0000000009050000/uevent", "");
        file("dev/vfio/devices/vfio1", "");
        file("dev/vfio/devices/vfio0", "");

        List<AssignmentSupport> found = measured();

        assertThat(found)
                .extracting(AssignmentSupport::text)
                .containsExactly(
                        "dmar0 (nests), smmu3.0x0000000009050000",
                        "/dev/iommu is there with nested page tables, page requests, vIOMMUs,"
                                + " which an SMMUv3 takes, their events",
                        "can be assigned: vfio0, vfio1");
        assertThat(found).allMatch(support -> support.advice().isEmpty());
        verify(system).close(FD);
    }

    @Test
    void aVtdUnitWithoutNestIsNamed() throws IOException {
        file("sys/class/iommu/dmar0/intel-iommu/cap", "d2008c40660462\n");
        file("sys/class/iommu/dmar0/intel-iommu/ecap", "f050da\n");

        assertThat(measured().getFirst().text()).isEqualTo("dmar0 (VT-d without nesting)");
    }

    @Test
    void anOlderKernelsMissingCallsAreNamedWithTheirVersions() throws IOException {
        kernelWithout(Ioctl.VIOMMU_ALLOC, Ioctl.VEVENTQ_ALLOC);

        AssignmentSupport iommufd = measured().get(1);

        assertThat(iommufd.text())
                .isEqualTo("/dev/iommu is there with nested page tables, page requests");
        assertThat(iommufd.advice())
                .isEqualTo(
                        "this kernel lacks vIOMMUs, which an SMMUv3 takes (Linux 6.13), their"
                                + " events (Linux 6.15)");
    }

    @Test
    void oneWhoMayNotOpenItIsToldSo() throws IOException {
        file("dev/iommu", "");
        when(system.open(anyString())).thenReturn(-Errno.EACCES);

        assertThat(measured().get(1).text()).isEqualTo("/dev/iommu is there, but not for you");
    }

    private void link(String name, String target) throws IOException {
        Path path = root.resolve(name);
        Files.createDirectories(path.getParent());
        Files.createSymbolicLink(path, Path.of(target));
    }

    @Test
    void functionsAreNamedAsTheOptionTakesThem() throws IOException {
        file("dev/vfio/devices/vfio0", "");
        file("dev/vfio/devices/vfio1", "");
        file("dev/vfio/devices/vfio2", "");
        file("sys/bus/pci/devices/0000:01:00.0/vfio-dev/vfio1/dev", "511:1");
        link("sys/bus/pci/devices/0000:01:00.0/iommu_group", "../../../kernel/iommu_groups/12");
        file("sys/bus/pci/devices/0000:02:00.0/vfio-dev/vfio2/dev", "511:2");
        file("sys/bus/pci/devices/0000:03:00.0/vendor", "0x8086");

        assertThat(measured().getLast().text())
                .isEqualTo(
                        "can be assigned: vfio0, 0000:01:00.0 (vfio1, group 12), 0000:02:00.0"
                                + " (vfio2, without an IOMMU group)");
    }

    @Test
    void aBoundFunctionWithoutCdevIsNamed() throws IOException {
        link("sys/bus/pci/devices/0000:01:00.0/driver", "../../../bus/pci/drivers/vfio-pci");
        link("sys/bus/pci/devices/0000:02:00.0/driver", "../../../bus/pci/drivers/nvme");

        assertThat(measured().getLast().advice())
                .endsWith("CONFIG_VFIO_DEVICE_CDEV; vfio-pci has 0000:01:00.0");
    }

    @Test
    void theContainerAloneIsNotEnough() throws IOException {
        file("dev/vfio/vfio", "");

        assertThat(measured().getLast().text()).isEqualTo("VFIO is there, but no device's cdev");
        assertThat(measured().getLast().advice()).contains("CONFIG_VFIO_DEVICE_CDEV");
    }
}
