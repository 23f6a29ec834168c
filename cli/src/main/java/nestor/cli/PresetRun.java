package nestor.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * One boot of a preset's machine by {@code nestor test}: how it differs from the preset, and what
 * the guest checks.
 *
 * @param name unique in its preset
 * @param about one line for {@code --list}
 * @param kernelRelease the kernel this run is about; empty for the one that the user or the default
 *     names
 * @param arguments added to the kernel's command line
 * @param checks of the guest, in order; each is a file in {@code initramfs/checks}
 * @param devices besides the preset's, in QEMU's spelling
 * @param diskProperties added to each disk's device, in QEMU's spelling, with the comma before
 * @param requests monitor commands that the guest may ask for, by the word it asks with
 */
record PresetRun(
        String name,
        String about,
        Optional<String> kernelRelease,
        List<String> arguments,
        List<String> checks,
        List<String> devices,
        String diskProperties,
        Map<String, String> requests) {
    PresetRun {
        arguments = List.copyOf(arguments);
        checks = List.copyOf(checks);
        devices = List.copyOf(devices);
        requests = Map.copyOf(requests);
    }

    /** The preset's machine as it is. */
    static PresetRun of(String name, String about, List<String> checks) {
        return new PresetRun(
                name, about, Optional.empty(), List.of(), checks, List.of(), "", Map.of());
    }

    PresetRun withKernelRelease(String release) {
        return new PresetRun(
                name,
                about,
                Optional.of(release),
                arguments,
                checks,
                devices,
                diskProperties,
                requests);
    }

    PresetRun withArguments(String... more) {
        return new PresetRun(
                name,
                about,
                kernelRelease,
                joined(arguments, List.of(more)),
                checks,
                devices,
                diskProperties,
                requests);
    }

    PresetRun withDevices(String... more) {
        return new PresetRun(
                name,
                about,
                kernelRelease,
                arguments,
                checks,
                joined(devices, List.of(more)),
                diskProperties,
                requests);
    }

    PresetRun withDiskProperties(String properties) {
        return new PresetRun(
                name,
                about,
                kernelRelease,
                arguments,
                checks,
                devices,
                diskProperties + properties,
                requests);
    }

    PresetRun withRequests(Map<String, String> more) {
        return new PresetRun(
                name,
                about,
                kernelRelease,
                arguments,
                checks,
                devices,
                diskProperties,
                more);
    }

    private static List<String> joined(List<String> some, List<String> more) {
        List<String> all = new ArrayList<>(some);
        all.addAll(more);
        return all;
    }
}
