package nestor.cli;

import java.util.Optional;
import java.util.function.Supplier;
import nestor.control.ControlledMachine;
import nestor.control.hmp.HmpCommands;
import nestor.machine.ConfigException;
import nestor.machine.DeviceConfig;

/** The monitor on the terminal (Ctrl-A c), which is there before the machine and after it. */
final class MonitorCommands {
    private final Supplier<Optional<ControlledMachine>> machine;
    private final Runnable quit;

    MonitorCommands(Supplier<Optional<ControlledMachine>> machine, Runnable quit) {
        this.machine = machine;
        this.quit = quit;
    }

    /** Answers one line; an error is one line, too. */
    String execute(String line) {
        Optional<ControlledMachine> running = machine.get();
        if (running.isPresent()) {
            return new HmpCommands(running.get(), quit).execute(line);
        }
        if (line.strip().equals("quit") || line.strip().equals("q")) {
            quit.run();
            return "";
        }
        return "Error: the machine does not run\n";
    }

    /** Reads what follows {@code device_add}. */
    static DeviceConfig device(String text) throws ConfigException {
        try {
            OptionList list = OptionList.parse("device_add", text, "driver");
            if (list.head().isEmpty()) {
                throw new ConfigException("device_add: DRV[,PROP=V,...] is missing");
            }
            return new DeviceConfig(list.head(), list.properties());
        } catch (CommandException e) {
            throw new ConfigException(String.valueOf(e.getMessage()), e);
        }
    }
}
