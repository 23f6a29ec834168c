package nestor.guest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What can be said without building a kernel. */
class LabKernelTest {
    @TempDir Path folder;

    @Test
    void anOptionThatTheKernelDroppedIsFound() {
        String wanted =
                """
                # Programs.
                CONFIG_PCI=y
                # CONFIG_KUNIT_AUTORUN_ENABLED is not set
                CONFIG_UIO_PCI_GENERIC_SVA=y
                CONFIG_LOCALVERSION="-lab"
                """;

        assertThat(
                        LabKernel.refused(
                                wanted,
                                """
                                CONFIG_LOCALVERSION="-lab"
                                CONFIG_KUNIT_AUTORUN_ENABLED=y
                                CONFIG_PCI=y
                                """))
                .containsExactly(
                        "# CONFIG_KUNIT_AUTORUN_ENABLED is not set",
                        "CONFIG_UIO_PCI_GENERIC_SVA=y");
        assertThat(LabKernel.refused(wanted, wanted)).isEmpty();
    }

    @Test
    void theArm64ConfigurationHasWhatTheLabIsFor() throws Exception {
        assertThat(options(LabConfiguration.ARM64))
                .contains(
                        "CONFIG_ARM_SMMU_V3_SVA=y",
                        "CONFIG_UIO_PCI_GENERIC_SVA=y",
                        "CONFIG_IOMMUFD_TEST=y",
                        "CONFIG_VFIO_DEVICE_CDEV=y",
                        "CONFIG_UACCE=y",
                        "CONFIG_ARM_SMMU_V3_KUNIT_TEST=y",
                        "CONFIG_VIRTIO_IOMMU=m")
                .doesNotHaveDuplicates();
    }

    private static List<String> options(LabConfiguration lab) throws Exception {
        return lab.configuration().lines().filter(line -> !line.isEmpty()).toList();
    }

    @Test
    void missingBuildToolsAreNamedAllAtOnce() throws Exception {
        Path program = Files.createFile(folder.resolve("make"));
        assertThat(program.toFile().setExecutable(true)).isTrue();
        HostPrograms programs = new HostPrograms(List.of(folder), false, Progress.none());

        assertThatThrownBy(() -> programs.requireAll(LabConfiguration.ARM64.tools("amd64")))
                .isInstanceOf(ImageException.class)
                .hasMessage(
                        "there is no aarch64-linux-gnu-gcc in PATH; install the packages"
                                + " gcc-aarch64-linux-gnu and libc6-dev-arm64-cross and gcc and libc6-dev"
                                + " and flex and bison and bc and perl");
    }

    @Test
    void thereIsNoneForAnotherArchitecture() {
        ImageStore store = new ImageStore(folder.resolve("cache"), folder, Progress.none());

        assertThatThrownBy(() -> store.kernel("amd64", ImageStore.LAB))
                .isInstanceOf(ImageException.class)
                .hasMessage("there is no lab kernel for amd64");
    }
}
