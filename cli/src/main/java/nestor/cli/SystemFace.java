package nestor.cli;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import nestor.machine.Accelerator;

/**
 * The program under QEMU's names, {@code nestor-system-x86_64} and {@code nestor-system-aarch64}:
 * turns the options that test programs give QEMU into those of {@code nestor run}. What changes
 * nothing here is taken and dropped; what would matter and is not there is refused; everything else
 * is left to {@code run}.
 */
final class SystemFace {
    /** Stands for the question for the version. */
    static final String VERSION = "system-version";

    /** The version of QEMU whose options these are. */
    private static final String QEMU_VERSION = "10.2.0";

    /** Without a value, without a meaning here. */
    private static final Set<String> DROPPED =
            Set.of("-no-user-config", "-no-hpet", "-no-fd-bootchk", "-mem-prealloc");

    /** With a value that may be anything. */
    private static final Set<String> DROPPED_WITH_VALUE =
            Set.of("-name", "-uuid", "-rtc", "-boot", "-audiodev", "-msg", "-sandbox");

    /** With a value that has to be {@code none}: there is no such device. */
    private static final Set<String> ABSENT =
            Set.of("-display", "-audio", "-net", "-nic", "-vga", "-parallel");

    /** Properties of machines whose value here is always the one that tests ask for. */
    private static final Set<String> MACHINE_PROPERTIES_DROPPED =
            Set.of(
                    "usb",
                    "vmport",
                    "graphics",
                    "mem-merge",
                    "dump-guest-core",
                    "hpet",
                    "smm",
                    "sata",
                    "smbus",
                    "pit",
                    "kernel-irqchip",
                    "highmem",
                    "its",
                    "gic-version");

    private static final Set<String> ACCELERATOR_PROPERTIES_DROPPED =
            Set.of("thread", "tb-size", "split-wx");

    private final String program;
    private final boolean arm;
    private final List<String> spelled = new ArrayList<>();
    private final List<String> accelerators = new ArrayList<>();
    private boolean machineGiven;
    private boolean bootable;
    private boolean serialGiven;

    private SystemFace(String architecture) {
        program = "nestor-system-" + architecture;
        arm = architecture.equals("aarch64");
    }

    /** What test programs look for in the answer to {@code -version}. */
    static String version() {
        return "QEMU emulator version %s (options only: this is %s)"
                .formatted(QEMU_VERSION, Version.text());
    }

    /**
     * What {@code nestor} is to be given instead.
     *
     * @param architecture as QEMU's programs are named
     */
    static List<String> spell(String architecture, List<String> typed) throws CommandException {
        SystemFace face = new SystemFace(architecture);
        Iterator<String> options = typed.iterator();
        while (options.hasNext()) {
            String word = options.next();
            String option = word.startsWith("--") ? word.substring(1) : word;
            if (option.equals("-version")) {
                return List.of(VERSION);
            }
            if (option.equals("-help") || option.equals("-h")) {
                return List.of("run", "--help");
            }
            face.take(option, options);
        }
        return face.finish();
    }

    private void take(String option, Iterator<String> options) throws CommandException {
        if (DROPPED.contains(option) || option.equals("-nodefaults")) {
            return; // there are no default devices
        }
        if (DROPPED_WITH_VALUE.contains(option)) {
            value(option, options);
            return;
        }
        if (ABSENT.contains(option)) {
            absent(option, value(option, options));
            return;
        }
        switch (option) {
            case "-L" -> value(option, options);
            case "-enable-kvm" -> accelerators.add("kvm");
            case "-accel" -> accelerator(value(option, options));
            case "-M", "-machine" -> machine(value(option, options));
            case "-device" -> device(value(option, options));
            case "-monitor" -> monitor(value(option, options));
            case "-no-shutdown", "-no-acpi", "-bios", "-pflash" ->
                    throw refused(option, "not supported");
            case "-kernel", "-qtest" -> {
                bootable = true;
                pass(option, value(option, options));
            }
            case "-serial", "-nographic" -> {
                serialGiven = true;
                spelled.add(option);
            }
            default -> spelled.add(option);
        }
    }

    private void pass(String option, String value) {
        spelled.add(option);
        spelled.add(value);
    }

    private String value(String option, Iterator<String> options) throws CommandException {
        if (!options.hasNext()) {
            throw refused(option, "a value is missing");
        }
        return options.next();
    }

    private CommandException refused(String option, String reason) {
        return CommandException.usage("%s: %s: %s".formatted(program, option, reason));
    }

    private void absent(String option, String value) throws CommandException {
        if (!value.equals("none")
                && !(option.equals("-audio") && value.startsWith("driver=none"))) {
            throw refused(option, "there is none here; give none");
        }
    }

    /** The monitor is Ctrl-A c of the console unless it is somewhere else. */
    private void monitor(String value) {
        if (!value.equals("none")) {
            pass("-monitor", value);
        }
    }

    private void accelerator(String text) throws CommandException {
        OptionList list = OptionList.parse("-accel", text, "accel");
        for (String property : list.properties().keySet()) {
            if (!ACCELERATOR_PROPERTIES_DROPPED.contains(property)) {
                throw refused("-accel " + text, "unknown property '" + property + "'");
            }
        }
        accelerators.add(list.head());
    }

    private void machine(String text) throws CommandException {
        OptionList list = OptionList.parse("-machine", text, "type");
        Map<String, String> kept = new LinkedHashMap<>();
        for (Map.Entry<String, String> property : list.properties().entrySet()) {
            if (property.getKey().equals("accel")) {
                accelerators.addAll(List.of(property.getValue().split(":")));
            } else if (!MACHINE_PROPERTIES_DROPPED.contains(property.getKey())) {
                kept.put(property.getKey(), property.getValue());
            }
        }
        StringBuilder machine = new StringBuilder(type(list.head()));
        kept.forEach((key, value) ->
                machine.append(',').append(key).append('=').append(OptionList.escape(value)));
        machineGiven = true;
        pass("-machine", machine.toString());
    }

    /** Versions of one machine are one machine here. */
    private String type(String name) {
        if (name.isEmpty()) {
            return arm ? "virt" : "q35";
        }
        return name.matches("(pc-)?q35(-[0-9.]+)?") && !arm
                ? "q35"
                : name.matches("virt-[0-9.]+") && arm ? "virt" : name;
    }

    /** The port that ends a run is part of the board. */
    private void device(String text) throws CommandException {
        if (!text.startsWith("isa-debug-exit")) {
            pass("-device", text);
            return;
        }
        OptionList list = OptionList.parse("-device", text, "driver");
        String port = list.properties().getOrDefault("iobase", "0x501");
        if (!port.equals("0xf4")) {
            throw refused("-device " + text, "it is at iobase=0xf4 only");
        }
    }

    private List<String> finish() throws CommandException {
        List<String> known = accelerators.stream().distinct().toList();
        Optional<String> chosen = known.stream().filter(this::works).findFirst();
        if (!known.isEmpty()) {
            pass("-accel", chosen.orElse(known.getLast()));
        }
        boolean driven = chosen.filter("qtest"::equals).isPresent();
        boolean helps = spelled.contains("help") || spelled.contains("?");
        if (!bootable
                && !driven
                && !helps
                && spelled.stream().noneMatch(w -> w.endsWith(",help"))) {
            throw CommandException.usage(
                    "%s: there is no firmware; give -kernel FILE or -accel qtest"
                            .formatted(program));
        }
        if (!machineGiven) {
            pass("-machine", arm ? "virt" : "q35");
        }
        if (!serialGiven) {
            pass("-serial", "null");
        }
        spelled.addFirst("run");
        return spelled;
    }

    private boolean works(String name) {
        boolean elsewhere = arm && name.equals("kvm");
        return !elsewhere
                && Accelerator.titled(name).filter(a -> a.missing().isEmpty()).isPresent();
    }
}
