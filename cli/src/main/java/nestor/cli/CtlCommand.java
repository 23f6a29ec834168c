package nestor.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import nestor.control.Json;
import nestor.control.view.PasidQuery;
import nestor.control.view.TableQuery;
import nestor.control.view.Views;
import nestor.control.view.WalkQuery;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** {@code nestor ctl}: commands for machines that run. */
@Command(
        name = "ctl",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        customSynopsis = {
            "nestor ctl [--json]                             list the machines that run",
            "       nestor ctl [--json] [--socket FILE | NAME] COMMAND..."
        },
        description = {
            "Give a command to a machine that runs, through its QMP socket.",
            "",
            "Commands are those of the monitor; 'nestor ctl help' lists them. NAME may be left out when one"
                    + " machine runs.",
            ""
        },
        optionListHeading = "%nOptions:%n",
        footerHeading = "%nExamples:%n",
        footer = {
            "  nestor ctl info iommu",
            "  nestor ctl --json info pci",
            "  nestor ctl walk 00:03.0 pasid 5 0x7f0000001000",
            "  nestor ctl lab1 device_del disk1",
            "  nestor ctl --socket /tmp/qmp stop"
        })
final class CtlCommand implements Callable<Integer> {
    private final Host host;

    @Option(
            names = "--socket",
            paramLabel = "FILE",
            description = "A QMP socket that 'nestor run -qmp unix:FILE,…' has opened.")
    private @Nullable String socket;

    @Option(names = "--json", description = "Print JSON, as the machine sends it.")
    private boolean json;

    @Parameters(paramLabel = "COMMAND", description = "NAME and command.")
    private List<String> words = new ArrayList<>();

    CtlCommand(Host host) {
        this.host = host;
    }

    @Override
    public Integer call() throws CommandException, IOException {
        RuntimeFolder folder = new RuntimeFolder();
        if (socket != null) {
            return execute(MachineOptions.path("--socket", socket), words);
        }
        List<String> running = folder.running();
        if (words.isEmpty()) {
            list(running);
            return ExitCode.OK;
        }
        if (running.contains(words.getFirst())) {
            return execute(folder.of(words.getFirst()), words.subList(1, words.size()));
        }
        if (running.size() != 1) {
            throw CommandException.failed(
                    running.isEmpty()
                            ? "no machine runs"
                            : "which machine? running: " + String.join(", ", running));
        }
        return execute(folder.of(running.getFirst()), words);
    }

    private void list(List<String> running) {
        if (json) {
            ArrayNode names = Json.array();
            running.forEach(names::add);
            print(Json.pretty(names));
        } else {
            running.forEach(this::print);
        }
    }

    private int execute(Path path, List<String> command) throws CommandException, IOException {
        if (command.isEmpty()) {
            throw CommandException.usage("ctl: the command is missing; see nestor ctl --help");
        }
        try (CtlConnection machine = new CtlConnection(path)) {
            if (json && isView(command)) {
                JsonNode view =
                        machine.call(
                                "x-nestor-info", Json.object().put("topic", command.getLast()));
                print(Json.pretty(view));
                return ExitCode.OK;
            }
            if (json && command.getFirst().equals("walk")) {
                print(Json.pretty(machine.call("x-nestor-iommu-walk", walk(command))));
                return ExitCode.OK;
            }
            Optional<ObjectNode> tables = json ? tables(command) : Optional.empty();
            if (tables.isPresent()) {
                print(Json.pretty(machine.call("x-nestor-info", tables.get())));
                return ExitCode.OK;
            }
            String answer =
                    machine.call(
                                    "human-monitor-command",
                                    Json.object().put("command-line", String.join(" ", command)))
                            .asString()
                            .replace("\r\n", "\n");
            if (answer.startsWith("Error: ")) {
                throw CommandException.failed(answer.substring("Error: ".length()).strip());
            }
            if (json) {
                print(Json.pretty(Json.object().put("return", answer)));
            } else if (!answer.isEmpty()) {
                print(answer.stripTrailing());
            }
            return ExitCode.OK;
        }
    }

    /** Other topics of {@code info} are text, as everything else is. */
    private static boolean isView(List<String> command) {
        return command.size() == 2
                && command.getFirst().equals("info")
                && Views.topics().contains(command.getLast());
    }

    /** The arguments of a topic that takes some; empty if the command is none such. */
    private static Optional<ObjectNode> tables(List<String> command) throws CommandException {
        if (command.size() < 2 || !command.getFirst().equals("info")) {
            return Optional.empty();
        }
        List<String> words = command.subList(2, command.size());
        try {
            return switch (command.get(1)) {
                case TableQuery.TOPIC -> Optional.of(TableQuery.parse(words).arguments());
                case PasidQuery.TOPIC -> Optional.of(PasidQuery.parse(words).arguments());
                default -> Optional.empty();
            };
        } catch (WalkQuery.WrongQueryException e) {
            throw CommandException.failed(String.valueOf(e.getMessage()));
        }
    }

    private static ObjectNode walk(List<String> command) throws CommandException {
        try {
            return WalkQuery.parse(command.subList(1, command.size())).arguments();
        } catch (WalkQuery.WrongQueryException e) {
            throw CommandException.failed(String.valueOf(e.getMessage()));
        }
    }

    private void print(String text) {
        host.out().print(text + "\n");
        host.out().flush();
    }
}
