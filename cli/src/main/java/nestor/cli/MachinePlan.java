package nestor.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.Set;
import nestor.machine.Accelerator;
import nestor.machine.DeviceConfig;
import nestor.machine.DriveConfig;
import nestor.machine.MachineConfig;

/**
 * What the settings amount to, checked as far as that is possible without a machine. Files exist;
 * numbers are in range; what devices and properties there are is the machine's to judge.
 *
 * @param preset a ready machine; the kernel is Debian's unless one is given
 * @param kernel the user's own kernel; empty fetches Debian's
 * @param serial where the board's UART goes
 * @param name the user's name for it; may be empty
 */
record MachinePlan(
        Optional<Preset> preset,
        String type,
        Map<String, String> typeProperties,
        Accelerator accelerator,
        long memoryBytes,
        int cpus,
        Optional<Path> kernel,
        Optional<Path> initrd,
        String kernelRelease,
        String append,
        List<DriveConfig> drives,
        List<DeviceConfig> devices,
        SequencedMap<String, Chardev> chardevs,
        Chardev serial,
        List<MonitorPlan> monitors,
        String name,
        boolean noReboot,
        List<DeviceConfig> objects) {
    private static final String DEFAULT_MEMORY = "512M";
    private static final long MIN_MEMORY = 64L << 20;
    private static final Set<String> DRIVE_PROPERTIES =
            new LinkedHashSet<>(List.of("file", "format", "if", "id", "readonly"));

    private static final Set<String> IOMMUS = Set.of("virtio-iommu-pci", "intel-iommu");

    /** Checks everything; adds the devices of the preset. */
    static MachinePlan of(Settings settings) throws CommandException {
        Optional<Path> kernel = file(settings, Setting.KERNEL);
        Optional<Path> initrd = file(settings, Setting.INITRD);
        Accelerator accelerator = accelerator(settings);
        boolean driven = accelerator == Accelerator.QTEST;
        boolean ownKernel = kernel.isPresent() || driven;
        OptionList machine = machine(settings);
        Optional<Preset> preset = preset(settings, machine.head(), ownKernel);
        if (kernel.isPresent() && settings.get(Setting.KERNEL_RELEASE).isPresent()) {
            throw CommandException.usage(
                    "%s and %s exclude each other"
                            .formatted(
                                    settings.origin(Setting.KERNEL),
                                    settings.origin(Setting.KERNEL_RELEASE)));
        }
        if (kernel.isEmpty() && initrd.isPresent() && !driven) {
            throw CommandException.usage(
                    "%s needs -kernel FILE".formatted(settings.origin(Setting.INITRD)));
        }
        checkCpu(settings, accelerator);
        String type = type(settings, machine.head(), preset, ownKernel);
        SequencedMap<String, Chardev> chardevs = chardevs(settings);
        List<MonitorPlan> monitors = MonitorPlan.of(settings, chardevs);
        boolean stdioTaken =
                usesStdio(chardevs) || monitors.stream().anyMatch(MonitorPlan::isStdio);
        Chardev serial =
                Chardev.decodeSerial(
                        settings.origin(Setting.SERIAL),
                        settings.text(Setting.SERIAL, driven || stdioTaken ? "null" : "mon:stdio"));
        checkSerial(settings, serial, chardevs, monitors);
        return new MachinePlan(
                preset,
                type,
                typeProperties(machine, preset),
                accelerator,
                memory(settings),
                cpus(settings),
                kernel,
                initrd,
                settings.text(
                        Setting.KERNEL_RELEASE,
                        preset.map(chosen -> chosen.profile().kernelRelease()).orElse("stable")),
                settings.text(Setting.APPEND, ""),
                drives(settings),
                devices(settings, preset),
                chardevs,
                serial,
                monitors,
                name(settings),
                OptionList.parseSwitch(
                        settings.origin(Setting.NO_REBOOT),
                        settings.text(Setting.NO_REBOOT, "off")),
                settings.objects().stream()
                        .map(object -> new DeviceConfig(object.head(), object.properties()))
                        .toList());
    }

    /** The machine that boots this guest. */
    MachineConfig config(Guest guest) {
        return new MachineConfig(
                type,
                typeProperties,
                accelerator,
                memoryBytes,
                cpus,
                guest.kernel(),
                guest.initrd(),
                guest.append(),
                drives,
                devices,
                noReboot,
                objects);
    }

    private static OptionList machine(Settings settings) throws CommandException {
        return OptionList.parse(
                settings.origin(Setting.MACHINE), settings.text(Setting.MACHINE, ""), "type");
    }

    /** The board: the user's, else the preset's. A kernel of ours runs on those we know only. */
    private static String type(
            Settings settings, String named, Optional<Preset> preset, boolean ownKernel)
            throws CommandException {
        String board = preset.map(Preset::board).orElse(Preset.VIRT);
        if (named.isEmpty() || named.equals(board)) {
            return board;
        }
        if (preset.isPresent()) {
            throw CommandException.usage(
                    "%s %s: the preset %s is a machine of type %s"
                            .formatted(
                                    settings.origin(Setting.MACHINE),
                                    named,
                                    preset.get().profile().name(),
                                    board));
        }
        if (!ownKernel && !named.equals(Preset.Q35)) {
            throw CommandException.usage(
                    "%s %s needs -kernel FILE".formatted(settings.origin(Setting.MACHINE), named));
        }
        return named;
    }

    private static String name(Settings settings) throws CommandException {
        String name = settings.text(Setting.NAME, "");
        if (!name.matches("[A-Za-z0-9][A-Za-z0-9._-]{0,31}|")) {
            throw CommandException.usage(
                    "%s: '%s': letters, digits, '.', '_' and '-', 32 at most"
                            .formatted(settings.origin(Setting.NAME), name));
        }
        return name;
    }

    private static Optional<Preset> preset(Settings settings, String board, boolean ownKernel)
            throws CommandException {
        Optional<Settings.Value> named = settings.get(Setting.PRESET);
        if (named.isPresent()) {
            return Optional.of(Preset.of(named.get().origin(), named.get().text()));
        }
        // A bare 'nestor run' is the machine this program is about; who brings a kernel describes
        // the rest, too.
        return ownKernel || !settings.devices().isEmpty()
                ? Optional.empty()
                : Preset.ofBoard(board);
    }

    private static Map<String, String> typeProperties(OptionList machine, Optional<Preset> preset) {
        Map<String, String> properties = new LinkedHashMap<>();
        preset.ifPresent(chosen -> properties.putAll(chosen.machineProperties()));
        properties.putAll(machine.properties());
        return properties;
    }

    private static Optional<Path> file(Settings settings, Setting setting) throws CommandException {
        Optional<Settings.Value> value = settings.get(setting);
        if (value.isEmpty()) {
            return Optional.empty();
        }
        String origin = value.get().origin();
        Path path = MachineOptions.path(origin, value.get().text());
        checkReadable(origin, path);
        return Optional.of(path);
    }

    private static void checkReadable(String origin, Path path) throws CommandException {
        if (!Files.exists(path)) {
            throw CommandException.usage("%s: %s: no such file".formatted(origin, path));
        }
        if (Files.isDirectory(path)) {
            throw CommandException.usage("%s: %s: is a directory".formatted(origin, path));
        }
        if (!Files.isReadable(path)) {
            throw CommandException.usage("%s: %s: permission denied".formatted(origin, path));
        }
    }

    private static Accelerator accelerator(Settings settings) throws CommandException {
        String name = settings.text(Setting.ACCELERATOR, Accelerator.TCG.title());
        return Accelerator.titled(name)
                .orElseThrow(() ->
                        CommandException.usage(
                                "%s: unknown accelerator '%s'; known: tcg, kvm, qtest"
                                        .formatted(settings.origin(Setting.ACCELERATOR), name)));
    }

    private static void checkCpu(Settings settings, Accelerator accelerator)
            throws CommandException {
        String model = settings.text(Setting.CPU, "max");
        boolean host = accelerator == Accelerator.KVM;
        if (!model.equals("max") && !(host && model.equals("host"))) {
            throw CommandException.usage(
                    "%s: unknown model '%s'; known: %s"
                            .formatted(
                                    settings.origin(Setting.CPU),
                                    model,
                                    host ? "max, host" : "max"));
        }
    }

    private static long memory(Settings settings) throws CommandException {
        String origin = settings.origin(Setting.MEMORY);
        String text = settings.text(Setting.MEMORY, DEFAULT_MEMORY);
        String size = text.startsWith("size=") ? text.substring("size=".length()) : text;
        long bytes = SizeParser.parse(origin, size, 'M');
        if (bytes < MIN_MEMORY) {
            throw CommandException.usage(
                    "%s: %s is too little memory; give at least %s"
                            .formatted(origin, text, SizeParser.format(MIN_MEMORY)));
        }
        return bytes;
    }

    private static int cpus(Settings settings) throws CommandException {
        String origin = settings.origin(Setting.CPUS);
        OptionList list = OptionList.parse(origin, settings.text(Setting.CPUS, "1"), "cpus");
        String count = list.head();
        list.expectEmpty(Set.of("cpus"));
        if (!count.matches("[0-9]{1,4}")) {
            throw CommandException.usage("%s: '%s' is not a number".formatted(origin, count));
        }
        if (Integer.parseInt(count) != 1) {
            throw CommandException.usage(
                    "%s: %s virtual CPUs are not supported; give 1".formatted(origin, count));
        }
        return 1;
    }

    private static List<DriveConfig> drives(Settings settings) throws CommandException {
        List<DriveConfig> drives = new ArrayList<>();
        for (OptionList drive : settings.drives()) {
            drives.add(drive(drive, drives.size()));
        }
        return drives;
    }

    private static DriveConfig drive(OptionList given, int index) throws CommandException {
        OptionList list =
                new OptionList(given.option(), "", new LinkedHashMap<>(given.properties()));
        String origin = list.option();
        Path file =
                MachineOptions.path(
                        origin,
                        list.take("file")
                                .orElseThrow(() ->
                                        CommandException.usage(origin + ": file=FILE is missing")));
        String format = list.take("format").orElse("raw");
        if (!format.equals("raw")) {
            throw CommandException.usage(
                    "%s: unknown format '%s'; known: raw".formatted(origin, format));
        }
        String interfaceType = list.take("if").orElse("virtio");
        if (!interfaceType.equals("none") && !interfaceType.equals("virtio")) {
            throw CommandException.usage(
                    "%s: unknown interface '%s'; known: none, virtio"
                            .formatted(origin, interfaceType));
        }
        String id = list.take("id").orElse(interfaceType + index);
        boolean readOnly = list.takeSwitch("readonly", false);
        list.expectEmpty(DRIVE_PROPERTIES);
        checkReadable(origin, file);
        if (!readOnly && !Files.isWritable(file)) {
            throw CommandException.usage(
                    "%s: %s is read-only for you; add readonly=on".formatted(origin, file));
        }
        return new DriveConfig(id, file, interfaceType, readOnly);
    }

    private static List<DeviceConfig> devices(Settings settings, Optional<Preset> preset)
            throws CommandException {
        List<DeviceConfig> devices = new ArrayList<>();
        for (String device : preset.map(Preset::devices).orElse(List.of())) {
            OptionList list = OptionList.parse("--preset", device, "driver");
            if (!IOMMUS.contains(list.head()) || !hasIommu(settings)) {
                devices.add(new DeviceConfig(list.head(), list.properties()));
            }
        }
        for (OptionList device : settings.devices()) {
            devices.add(new DeviceConfig(device.head(), device.properties()));
        }
        return devices;
    }

    /** A machine has one: who gives any takes the place of the preset's. */
    private static boolean hasIommu(Settings settings) {
        return settings.devices().stream().anyMatch(device -> IOMMUS.contains(device.head()));
    }

    private static SequencedMap<String, Chardev> chardevs(Settings settings)
            throws CommandException {
        SequencedMap<String, Chardev> chardevs = new LinkedHashMap<>();
        for (OptionList given : settings.chardevs()) {
            OptionList list =
                    new OptionList(
                            given.option(), given.head(), new LinkedHashMap<>(given.properties()));
            String id =
                    list.take("id")
                            .orElseThrow(() ->
                                    CommandException.usage(list.option() + ": id=ID is missing"));
            if (chardevs.put(id, Chardev.decode(list)) != null) {
                throw CommandException.usage(
                        "%s: the id '%s' is taken".formatted(list.option(), id));
            }
        }
        return chardevs;
    }

    private static void checkSerial(
            Settings settings,
            Chardev serial,
            Map<String, Chardev> chardevs,
            List<MonitorPlan> monitors)
            throws CommandException {
        String origin = settings.origin(Setting.SERIAL);
        if (serial instanceof Chardev.Named(String id) && !chardevs.containsKey(id)) {
            throw CommandException.usage(
                    "%s: there is no -chardev with id=%s".formatted(origin, id));
        }
        long users = chardevs.values().stream().filter(c -> c instanceof Chardev.Stdio).count();
        users += monitors.stream().filter(MonitorPlan::isStdio).count();
        if (users + (serial instanceof Chardev.Stdio ? 1 : 0) > 1) {
            throw CommandException.usage(
                    "%s: standard input and output can serve only one console; use file: or null for the other"
                            .formatted(origin));
        }
    }

    private static boolean usesStdio(Map<String, Chardev> chardevs) {
        return chardevs.values().stream().anyMatch(c -> c instanceof Chardev.Stdio);
    }
}
