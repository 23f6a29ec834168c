package nestor.control.hmp;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeSet;
import nestor.control.ControlledMachine;
import nestor.control.view.PasidQuery;
import nestor.control.view.TableQuery;
import nestor.control.view.Views;
import nestor.control.view.WalkQuery;
import nestor.machine.ConfigException;
import nestor.machine.MachineControl;
import nestor.machine.MachineEvent;

/** What the monitor of a running machine understands. */
public final class HmpCommands {
    /** The longest line that is looked at. */
    public static final int MAX_LINE = 4096;

    @FunctionalInterface
    private interface Command {
        String execute(String argument) throws HmpException, ConfigException, InterruptedException;
    }

    /** A command that takes nothing and answers nothing. */
    @FunctionalInterface
    private interface Action {
        void run() throws ConfigException, InterruptedException;
    }

    private record Entry(String usage, String help, Command command) {}

    private final Map<String, Entry> commands = new LinkedHashMap<>();
    private final ControlledMachine machine;
    private final MachineControl control;
    private final Views views;
    private final MemoryDump memory;

    /**
     * The commands of one machine.
     *
     * @param quit what {@code quit} does
     */
    public HmpCommands(ControlledMachine machine, Runnable quit) {
        this.machine = machine;
        control = machine.machine().control();
        views = new Views(machine);
        memory = new MemoryDump(control);
        devices();
        command("info", "TOPIC", "show one of: " + String.join(", ", topics()), this::info);
        command("x", "/FMT ADDR", "guest memory at a virtual address, as x /8gx $sp", memory::x);
        command("xp", "/FMT ADDR", "guest memory at a physical address", memory::xp);
        command("gva2gpa", "ADDR", "where a virtual address is mapped to", memory::gva2gpa);
        command("walk", WalkQuery.USAGE, "what a DMA would meet in the IOMMU", this::walk);
        command("trace-event", "NAME on|off", "switch trace points", this::traceEvent);
        ChaosCommand chaos = new ChaosCommand(control);
        command(
                "inject",
                "KEY... [device=ID] [seed=N]",
                "have devices misbehave; 'off' ends it, nothing lists it",
                chaos::inject);
        action("stop", "stop the vCPUs", control::stop);
        action("cont", "let them go on", control::cont);
        action("system_reset", "reset the machine", control::reset);
        action("system_powerdown", "press the power button", control::powerdown);
        action("quit", "stop the machine and end", quit::run);
        command("help", "", "this list", _ -> help());
    }

    /** The commands, with what a client's {@code quit} does. */
    public HmpCommands(ControlledMachine machine) {
        this(machine, () -> machine.machine().control().quit(MachineEvent.Cause.HOST_QMP_QUIT));
    }

    private void devices() {
        command(
                "device_add",
                "DRV,PROP=V,...",
                "plug a device behind a pcie-root-port",
                argument -> {
                    control.deviceAdd(machine.devices().read(argument));
                    return "";
                });
        command(
                "device_del",
                "ID",
                "ask the guest to let a device go",
                argument -> {
                    control.deviceDel(id("device_del", argument));
                    return "";
                });
        command(
                "device_remove_surprise",
                "ID",
                "pull a device without a word to the guest",
                argument -> {
                    machine.machine().deviceRemoveSurprise(id("device_remove_surprise", argument));
                    return "";
                });
    }

    private void command(String name, String usage, String help, Command command) {
        commands.put(name, new Entry(usage, help, command));
    }

    private void action(String name, String help, Action action) {
        command(
                name,
                "",
                help,
                argument -> {
                    if (!argument.isEmpty()) {
                        throw new HmpException(name + ": takes nothing, not '" + argument + "'");
                    }
                    action.run();
                    return "";
                });
    }

    private static SortedSet<String> topics() {
        SortedSet<String> topics = new TreeSet<>(Views.topics());
        topics.add("registers");
        topics.add(TableQuery.TOPIC);
        topics.add(PasidQuery.TOPIC);
        topics.add("trace-events");
        return topics;
    }

    private static String id(String command, String argument) throws HmpException {
        if (argument.isEmpty()) {
            throw new HmpException(command + ": the device's id is missing");
        }
        return argument;
    }

    /** Answers one line; an error is one line that begins with {@code Error: }. */
    public String execute(String line) {
        String[] words = line.strip().split("\\s+", 2);
        String argument = words.length > 1 ? words[1] : "";
        String name = words[0];
        // QEMU takes the format right behind the command, too: x/8gx.
        if (name.startsWith("x/") || name.startsWith("xp/")) {
            argument = name.substring(name.indexOf('/')) + " " + argument;
            name = name.substring(0, name.indexOf('/'));
        }
        if (name.isEmpty()) {
            return "";
        }
        Entry entry = commands.get(alias(name));
        try {
            if (line.length() > MAX_LINE) {
                throw new HmpException("a line has %d characters at most".formatted(MAX_LINE));
            }
            if (entry == null) {
                throw new HmpException(
                        "unknown command '%s'; 'help' lists them".formatted(shown(line.strip())));
            }
            return entry.command.execute(argument);
        } catch (HmpException | ConfigException e) {
            return "Error: " + e.getMessage() + "\n";
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return "Error: the machine ends\n";
        }
    }

    private static String alias(String name) {
        return switch (name) {
            case "c" -> "cont";
            case "q" -> "quit";
            case "s" -> "stop";
            case "?" -> "help";
            default -> name;
        };
    }

    /** What a client typed may be anything; an error line is one line of text. */
    private static String shown(String text) {
        return text.replaceAll("[^ -~]", "?");
    }

    private String info(String argument) throws HmpException, InterruptedException {
        String[] words = argument.strip().split("\\s+", -1);
        if (words[0].equals("trace-events") && words.length <= 2) {
            return TraceEvents.list(machine.tracing(), words.length > 1 ? words[1] : "*");
        }
        List<String> rest = List.of(words).subList(1, words.length);
        if (words[0].equals(TableQuery.TOPIC) || words[0].equals(PasidQuery.TOPIC)) {
            return tables(words[0], rest);
        }
        if (!rest.isEmpty()) {
            throw new HmpException("info %s: takes nothing".formatted(shown(words[0])));
        }
        return switch (words[0]) {
            case "registers" -> memory.registers();
            case "status" -> HmpText.status(views.status());
            case "version" -> HmpText.version(views.version());
            case "pci" -> HmpText.pci(views.pci());
            case "qtree" -> HmpText.qtree(views.qtree());
            case "mtree" -> HmpText.mtree(views.mtree());
            case "iommu" -> HmpText.iommu(views.iommu());
            case "atc" -> HmpText.atc(views.atc());
            case "chardev" -> HmpText.chardev(views.chardev());
            case "queues" -> HmpText.queues(views.queues());
            case "block" -> HmpText.block(views.block());
            default ->
                    throw new HmpException(
                            "info: unknown topic '%s'; known: %s"
                                    .formatted(shown(words[0]), String.join(", ", topics())));
        };
    }

    private String tables(String topic, List<String> words) throws HmpException {
        try {
            return topic.equals(TableQuery.TOPIC)
                    ? TableText.pageTable(views.pageTable(TableQuery.parse(words)))
                    : TableText.pasids(views.pasids(PasidQuery.parse(words)));
        } catch (WalkQuery.WrongQueryException e) {
            throw new HmpException(shown(String.valueOf(e.getMessage())));
        }
    }

    private String traceEvent(String argument) throws HmpException {
        return TraceEvents.change(machine.tracing(), shown(argument));
    }

    private String walk(String argument) throws HmpException {
        try {
            List<String> words = List.of(shown(argument.strip()).split("\\s+", -1));
            return WalkText.of(views.walk(WalkQuery.parse(words)));
        } catch (WalkQuery.WrongQueryException e) {
            throw new HmpException(String.valueOf(e.getMessage()));
        }
    }

    private String help() {
        StringBuilder text = new StringBuilder();
        commands.forEach((name, entry) ->
                text.append("%-37s %s%n".formatted(name + " " + entry.usage, entry.help)));
        return text.toString();
    }
}
