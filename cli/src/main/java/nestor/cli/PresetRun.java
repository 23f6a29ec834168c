package nestor.cli;

import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * One boot of a preset's machine by {@code nestor test}, or several in a row: how it differs from
 * the preset, and what the guest checks.
 *
 * @param name unique in its preset
 * @param about one line for {@code --list}
 * @param kernelRelease the kernel this run is about; empty for the one that the user or the default
 *     names
 * @param machine the machine type with its properties; empty for the preset's
 * @param arguments added to the kernel's command line
 * @param checks of the guest, in order; each is a file in {@code initramfs/checks}
 * @param devices besides the preset's, in QEMU's spelling
 * @param diskProperties of a disk's device besides the preset's, in QEMU's spelling, by the id of
 *     its drive
 * @param requests monitor commands that the guest may ask for, by the word it asks with
 * @param reboots whether a reset by the guest starts it again
 */
record PresetRun(
        String name,
        String about,
        Optional<String> kernelRelease,
        Optional<String> machine,
        List<String> arguments,
        List<String> checks,
        List<String> devices,
        Map<String, String> diskProperties,
        Map<String, String> requests,
        boolean reboots) {
    PresetRun {
        arguments = List.copyOf(arguments);
        checks = List.copyOf(checks);
        devices = List.copyOf(devices);
        diskProperties = Map.copyOf(diskProperties);
        requests = Map.copyOf(requests);
    }

    /** The preset's machine as it is, with these checks. */
    static Builder named(String name, String about, List<String> checks) {
        return new Builder(name, about, checks);
    }

    /** The properties of a drive's device besides the preset's, each with its comma before. */
    String diskProperties(String drive) {
        String properties = diskProperties.getOrDefault(drive, "");
        return properties.isEmpty() ? "" : "," + properties;
    }

    /** A run that is being described. */
    static final class Builder {
        private final String name;
        private final String about;
        private final List<String> checks;
        private Optional<String> kernelRelease = Optional.empty();
        private Optional<String> machine = Optional.empty();
        private List<String> arguments = List.of();
        private List<String> devices = List.of();
        private Map<String, String> diskProperties = Map.of();
        private Map<String, String> requests = Map.of();
        private boolean reboots;

        private Builder(String name, String about, List<String> checks) {
            this.name = name;
            this.about = about;
            this.checks = checks;
        }

        Builder kernelRelease(String release) {
            kernelRelease = Optional.of(release);
            return this;
        }

        Builder machine(String type) {
            machine = Optional.of(type);
            return this;
        }

        Builder arguments(String... words) {
            arguments = List.of(words);
            return this;
        }

        Builder devices(String... more) {
            devices = List.of(more);
            return this;
        }

        Builder diskProperties(Map<String, String> byDrive) {
            diskProperties = byDrive;
            return this;
        }

        Builder requests(Map<String, String> commands) {
            requests = commands;
            return this;
        }

        Builder reboots() {
            reboots = true;
            return this;
        }

        PresetRun build() {
            return new PresetRun(
                    name,
                    about,
                    kernelRelease,
                    machine,
                    arguments,
                    checks,
                    devices,
                    diskProperties,
                    requests,
                    reboots);
        }
    }
}
