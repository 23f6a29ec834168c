package nestor.machine;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What the user asks for, as data; {@link Machine#create} checks it.
 *
 * @param type a name of {@link Machine#types}, for example {@code virt}
 * @param typeProperties of the machine type, in QEMU's names
 * @param accelerator what runs the vCPUs
 * @param memoryBytes of guest RAM
 * @param cpus number of virtual CPUs
 * @param kernel not looked at on {@link Accelerator#QTEST}; an arm64 {@code Image}, possibly
 *     gzip'ed; of {@code q35}, an ELF file or bzImage
 * @param initrd passed to the kernel as it is
 * @param append the kernel command line
 * @param drives host files that devices refer to by id
 * @param devices in the order in which they take places on their buses
 * @param noReboot a guest's reset ends the run instead of rebooting
 * @param objects of the host, which devices refer to by id: {@code iommufd}
 */
public record MachineConfig(
        String type,
        Map<String, String> typeProperties,
        Accelerator accelerator,
        long memoryBytes,
        int cpus,
        Path kernel,
        Optional<Path> initrd,
        String append,
        List<DriveConfig> drives,
        List<DeviceConfig> devices,
        boolean noReboot,
        List<DeviceConfig> objects) {
    public MachineConfig {
        objects = List.copyOf(objects);
        typeProperties = Map.copyOf(typeProperties);
        drives = List.copyOf(drives);
        devices = List.copyOf(devices);
    }

    /** Without objects. */
    public MachineConfig(
            String type,
            Map<String, String> typeProperties,
            Accelerator accelerator,
            long memoryBytes,
            int cpus,
            Path kernel,
            Optional<Path> initrd,
            String append,
            List<DriveConfig> drives,
            List<DeviceConfig> devices,
            boolean noReboot) {
        this(
                type,
                typeProperties,
                accelerator,
                memoryBytes,
                cpus,
                kernel,
                initrd,
                append,
                drives,
                devices,
                noReboot,
                List.of());
    }
}
