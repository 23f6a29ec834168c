package nestor.cli;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/**
 * The options that describe a machine, in QEMU's spelling; shared by {@code run}, {@code test} and
 * {@code bench}.
 */
final class MachineOptions {
    @Option(
            names = {"-c", "--config"},
            paramLabel = "FILE",
            description = "A machine in YAML or JSON; options override it.")
    private @Nullable String config;

    @Option(
            names = "--preset",
            paramLabel = "NAME",
            completionCandidates = PresetNames.class,
            description = {
                "A ready machine, named by its IOMMU; with -sva or -dsa, processes share their memory with"
                        + " devices. One of: ${COMPLETION-CANDIDATES}."
            })
    private @Nullable String preset;

    @Option(
            names = "--kernel-release",
            paramLabel = "RELEASE",
            description =
                    "Which Debian kernel to fetch: stable, backports or a version such as 6.12.")
    private @Nullable String kernelRelease;

    @Option(
            names = {"-M", "-machine", "--machine"},
            paramLabel = "TYPE[,PROP=V]",
            description = "Board: virt or q35. '-machine help' lists them.")
    private @Nullable String machine;

    @Option(
            names = {"-accel", "--accel"},
            paramLabel = "NAME",
            description =
                    "What runs the CPU: tcg (software, default), kvm (q35 only) or qtest (nothing; see -qtest).")
    private @Nullable String accelerator;

    @Option(
            names = {"-cpu", "--cpu"},
            paramLabel = "MODEL",
            description = "CPU model: max. '-cpu help' lists them.")
    private @Nullable String cpu;

    @Option(
            names = {"-smp", "--smp"},
            paramLabel = "N",
            description = "Virtual CPUs: 1.")
    private @Nullable String cpus;

    @Option(
            names = {"-m", "--memory"},
            paramLabel = "SIZE",
            description = "Guest memory, 512 or 512M or 1G; a bare number is MiB. Default 512M.")
    private @Nullable String memory;

    @Option(
            names = {"-kernel", "--kernel"},
            paramLabel = "FILE",
            description =
                    "An arm64 Image (plain or gzip); of q35, a bzImage or an ELF file with a PVH entry.")
    private @Nullable String kernel;

    @Option(
            names = {"-initrd", "--initrd"},
            paramLabel = "FILE",
            description = "An initial RAM disk.")
    private @Nullable String initrd;

    @Option(
            names = {"-append", "--append"},
            paramLabel = "TEXT",
            description = "The kernel's command line; with Debian's kernel it is added to ours.")
    private @Nullable String append;

    @Option(
            names = {"-drive", "--drive"},
            paramLabel = "PROP=V,…",
            description = "A disk image: file=F,format=raw,if=none|virtio,id=ID,readonly=on|off.")
    private List<String> drives = new ArrayList<>();

    @Option(
            names = {"-device", "--device"},
            paramLabel = "DRV[,PROP=V]",
            description = {
                "A device, as a list (a comma in a value is written ,,) or as JSON. '-device help' lists"
                        + " them, '-device DRV,help' a device's properties."
            })
    private List<String> devices = new ArrayList<>();

    @Option(
            names = {"-object", "--object"},
            paramLabel = "iommufd,id=ID",
            description = {
                "An iommufd of the host's, for '-device vfio-pci,host=0000:01:00.0,iommufd=ID' (docs/host.md)."
            })
    private List<String> objects = new ArrayList<>();

    @Option(
            names = {"-chardev", "--chardev"},
            paramLabel = "KIND,id=ID",
            description =
                    "Host side of a console: stdio[,mux=on], file,path=F, null or"
                            + " socket,path=P|port=N,server=on,wait=off.")
    private List<String> chardevs = new ArrayList<>();

    @Option(
            names = {"-serial", "--serial"},
            paramLabel = "DEST",
            description = {
                "The serial port: mon:stdio (default, with the Ctrl-A escape), stdio, file:F, null,"
                        + " unix:P,server=on,wait=off, tcp:127.0.0.1:N,server=on,wait=off or chardev:ID."
            })
    private @Nullable String serial;

    @Option(
            names = {"-qmp", "--qmp"},
            paramLabel = "DEST",
            description =
                    "QMP at unix:PATH,server=on,wait=off or tcp:127.0.0.1:PORT,server=on,wait=off.")
    private @Nullable String qmp;

    @Option(
            names = {"-monitor", "--monitor"},
            paramLabel = "DEST",
            description = "A monitor for people: stdio, unix:…, tcp:… as -qmp, or none.")
    private @Nullable String monitor;

    @Option(
            names = {"-mon", "--mon"},
            paramLabel = "ID[,mode=M]",
            description =
                    "A monitor on a -chardev socket: mode=control (QMP) or readline (default).")
    private List<String> monitors = new ArrayList<>();

    @Option(
            names = {"-name", "--name"},
            paramLabel = "NAME",
            description = "The machine's name, by which 'nestor ctl' finds it.")
    private @Nullable String name;

    @Option(
            names = {"-nographic", "--nographic"},
            description = "As -serial mon:stdio; there are no graphics.")
    private boolean noGraphic;

    @Option(
            names = {"-no-reboot", "--no-reboot"},
            description = "End when the guest asks for a reset.")
    private boolean noReboot;

    /** The configuration file with the options laid over it. */
    Settings settings() throws CommandException {
        Settings settings =
                config == null ? new Settings() : LabFile.read(path("--config", config));
        Settings typed = new Settings();
        set(typed, Setting.PRESET, preset);
        set(typed, Setting.KERNEL_RELEASE, kernelRelease);
        set(typed, Setting.MACHINE, machine);
        set(typed, Setting.ACCELERATOR, accelerator);
        set(typed, Setting.CPU, cpu);
        set(typed, Setting.CPUS, cpus);
        set(typed, Setting.MEMORY, memory);
        set(typed, Setting.KERNEL, kernel);
        set(typed, Setting.INITRD, initrd);
        set(typed, Setting.APPEND, append);
        set(typed, Setting.SERIAL, noGraphic && serial == null ? "mon:stdio" : serial);
        set(typed, Setting.QMP, qmp);
        set(typed, Setting.MONITOR, monitor);
        set(typed, Setting.NAME, name);
        set(typed, Setting.NO_REBOOT, noReboot ? "on" : null);
        for (String text : drives) {
            typed.drives().add(OptionList.parse("-drive", text, ""));
        }
        for (String text : objects) {
            OptionList object = OptionList.parse("-object", text, "qom-type");
            if (object.head().isEmpty()) {
                throw CommandException.usage("-object " + text + ": the type is missing");
            }
            typed.objects().add(object);
        }
        for (String text : devices) {
            OptionList device = OptionList.parse("-device", text, "driver");
            if (device.head().isEmpty()) {
                throw CommandException.usage(
                        "-device: '%s' names no driver; '-device help' lists them".formatted(text));
            }
            typed.devices().add(device);
        }
        for (String text : chardevs) {
            typed.chardevs().add(OptionList.parse("-chardev", text, "backend"));
        }
        for (String text : monitors) {
            typed.monitors().add(OptionList.parse("-mon", text, "chardev"));
        }
        settings.override(typed);
        return settings;
    }

    private static void set(Settings settings, Setting setting, @Nullable String text) {
        if (text != null) {
            settings.set(setting, setting.option(), text);
        }
    }

    /** For the help and the shell's completion, so that both name what there is. */
    static final class PresetNames implements Iterable<String> {
        @Override
        public Iterator<String> iterator() {
            return Preset.names().iterator();
        }
    }

    static Path path(String option, String text) throws CommandException {
        try {
            return Path.of(text);
        } catch (InvalidPathException e) {
            throw CommandException.usage("%s: '%s' is not a path".formatted(option, text));
        }
    }
}
