package nestor.cli;

import picocli.AutoComplete;
import picocli.CommandLine.Command;

/** {@code nestor completion}: a script for the shell. */
@Command(
        name = "completion",
        mixinStandardHelpOptions = true,
        description = "Print a completion script for bash and zsh.",
        footerHeading = "%nExample:%n",
        footer = "  source <(nestor completion)")
final class CompletionCommand implements Runnable {
    private final Host host;

    CompletionCommand(Host host) {
        this.host = host;
    }

    @Override
    public void run() {
        host.out().print(AutoComplete.bash("nestor", Main.commandLine(host)));
    }
}
