package nestor.cli;

import java.util.Optional;
import java.util.function.Supplier;
import nestor.machine.ConfigException;
import nestor.machine.DeviceConfig;
import nestor.machine.Machine;

/** What the monitor (Ctrl-A c) understands, in QEMU's spelling where QEMU has the command. */
final class MonitorCommands {
    private static final String HELP =
            """
            device_add DRV,PROP=V,...   plug a device behind a pcie-root-port
            device_del ID               ask the guest to let a device go
            device_remove_surprise ID   pull a device without a word to the guest
            info pci                    PCI functions and how the guest programmed them
            info status                 whether the machine runs, and how far it has come
            quit                        stop the machine
            system_powerdown            press the power button
            help                        this list
            """;

    private final Supplier<Optional<Machine>> machine;
    private final Runnable quit;

    MonitorCommands(Supplier<Optional<Machine>> machine, Runnable quit) {
        this.machine = machine;
        this.quit = quit;
    }

    /** Answers one line; an error is one line, too. */
    String execute(String line) {
        String[] words = line.strip().split("\\s+", 2);
        String argument = words.length > 1 ? words[1] : "";
        try {
            return switch (words[0]) {
                case "help", "?" -> HELP;
                case "quit", "q" -> {
                    quit.run();
                    yield "";
                }
                case "info" -> info(argument);
                case "system_powerdown" -> {
                    running().control().powerdown();
                    yield "";
                }
                case "device_add" -> deviceAdd(argument);
                case "device_del" -> {
                    String id = id(words[0], argument);
                    running().deviceDel(id);
                    yield "";
                }
                case "device_remove_surprise" -> {
                    String id = id(words[0], argument);
                    running().deviceRemoveSurprise(id);
                    yield "";
                }
                default ->
                        throw CommandException.usage(
                                "unknown command '" + line + "'; 'help' lists them");
            };
        } catch (CommandException | ConfigException e) {
            return "Error: " + e.getMessage() + "\n";
        }
    }

    private String info(String topic) throws CommandException {
        return switch (topic) {
            case "pci" -> PciListing.of(running().pciFunctions());
            case "status" ->
                    machine.get()
                            .map(m ->
                                    "running, %,d instructions retired%n"
                                            .formatted(m.retiredInstructions()))
                            .orElse("not running\n");
            default ->
                    throw CommandException.usage(
                            "info: unknown topic '%s'; known: pci, status".formatted(topic));
        };
    }

    private String deviceAdd(String argument) throws CommandException, ConfigException {
        OptionList list = OptionList.parse("device_add", argument, "driver");
        if (list.head().isEmpty()) {
            throw CommandException.usage("device_add: DRV[,PROP=V,...] is missing");
        }
        running().deviceAdd(new DeviceConfig(list.head(), list.properties()));
        return "";
    }

    private static String id(String command, String argument) throws CommandException {
        if (argument.isEmpty()) {
            throw CommandException.usage(command + ": the device's id is missing");
        }
        return argument;
    }

    private Machine running() throws CommandException {
        return machine.get().orElseThrow(() -> CommandException.usage("the machine does not run"));
    }
}
