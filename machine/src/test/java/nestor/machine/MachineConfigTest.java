package nestor.machine;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a user can get wrong: one line that names the option. */
class MachineConfigTest {
    @TempDir Path folder;
    private Path kernel = Path.of("");

    @BeforeEach
    void makeKernel() throws IOException {
        ByteBuffer image = ByteBuffer.allocate(4096).order(ByteOrder.LITTLE_ENDIAN);
        image.putLong(16, 40 << 20).putInt(56, 0x644d5241);
        kernel = Files.write(folder.resolve("Image"), image.array());
    }

    private MachineConfig config(
            Map<String, String> type, long mib, List<DriveConfig> drives, DeviceConfig... devices) {
        return new MachineConfig(
                "virt",
                type,
                Accelerator.TCG,
                mib << 20,
                1,
                kernel,
                Optional.empty(),
                "",
                drives,
                List.of(devices),
                true);
    }

    private static void assertWrong(MachineConfig config, String message) {
        assertThatThrownBy(() -> Machine.create(config, Map.of()).close())
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining(message);
    }

    @Test
    void tooLittleRamTellsHowMuchIsNeeded() {
        assertWrong(config(Map.of(), 1, List.of()), "-m: 1 MiB of RAM are too few");
        assertWrong(config(Map.of(), 1, List.of()), "take 43 MiB");
        assertWrong(config(Map.of(), 0, List.of()), "-m: ");
    }

    @Test
    void missingFilesAreNamed() {
        Path gone = folder.resolve("gone");
        DriveConfig drive = new DriveConfig("d", gone, "virtio", false);
        assertWrong(config(Map.of(), 64, List.of(drive)), "-drive id=d: disk image " + gone);
        kernel = gone;
        assertWrong(config(Map.of(), 64, List.of()), "-kernel " + gone + ": no such file");
        kernel = folder;
        assertWrong(config(Map.of(), 64, List.of()), ": not a file");
    }

    @Test
    void unknownMachinesAndTheirPropertiesAreNamed() {
        assertWrong(config(Map.of("iommu", "smmuv2"), 64, List.of()), "must be one of none");
        assertWrong(config(Map.of("gic", "3"), 64, List.of()), "unknown property 'gic'");
    }

    @Test
    void aDsaIsAnIntegratedEndpoint() throws ConfigException, IOException {
        DeviceConfig port = new DeviceConfig("pcie-root-port", Map.of("id", "rp"));
        DeviceConfig behind = new DeviceConfig("dsa", Map.of("bus", "rp"));
        assertWrong(
                config(Map.of(), 64, List.of(), port, behind),
                "-device dsa: bus='rp': must be a root bus");
        DeviceConfig onTheRootBus = new DeviceConfig("dsa", Map.of());
        Machine.create(config(Map.of(), 64, List.of(), onTheRootBus), Map.of()).close();
    }

    @Test
    void oneIommuIsEnough() {
        DeviceConfig second = new DeviceConfig("virtio-iommu-pci", Map.of());
        assertWrong(
                config(Map.of("iommu", "smmuv3"), 64, List.of(), second),
                "-device virtio-iommu-pci: the board has an IOMMU already");
    }

    @Test
    void drivesAndBackendsMustExist() {
        DeviceConfig blk = new DeviceConfig("virtio-blk-pci", Map.of("drive", "nope"));
        assertWrong(config(Map.of(), 64, List.of(), blk), "drive='nope': no such drive");
        DeviceConfig none = new DeviceConfig("virtio-blk-pci", Map.of());
        assertWrong(config(Map.of(), 64, List.of(), none), "drive= is missing");
        DeviceConfig serial = new DeviceConfig("virtio-serial-pci", Map.of());
        DeviceConfig console = new DeviceConfig("virtconsole", Map.of("chardev", "c"));
        assertWrong(config(Map.of(), 64, List.of(), serial, console), "no such character backend");
        DriveConfig odd = new DriveConfig("d", kernel, "ide", false);
        assertWrong(config(Map.of(), 64, List.of(odd)), "-drive if=ide");
    }

    @Test
    void aDriveServesOneDevice() {
        DriveConfig drive = new DriveConfig("d", kernel, "none", true);
        DeviceConfig blk = new DeviceConfig("virtio-blk-pci", Map.of("drive", "d"));
        assertWrong(config(Map.of(), 64, List.of(drive), blk, blk), "another device has it");
    }
}
