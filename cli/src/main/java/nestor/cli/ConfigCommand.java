package nestor.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code nestor config}: shows what a file and options amount to. */
@Command(
        name = "config",
        mixinStandardHelpOptions = true,
        description = "Show the machine a file and options describe.")
final class ConfigCommand {
    private final Host host;

    ConfigCommand(Host host) {
        this.host = host;
    }

    @Command(
            name = "dump",
            mixinStandardHelpOptions = true,
            sortOptions = false,
            abbreviateSynopsis = true,
            description = "Print the configuration as YAML; 'nestor run -c' reads it back.")
    void dump(@Mixin MachineOptions options) throws CommandException {
        host.out().print(LabFile.write(options.settings()));
    }
}
