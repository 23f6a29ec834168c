package nestor.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * The faces of the program: {@code nestor COMMAND …}; {@code nestor -M virt -kernel …} as QEMU's
 * users type it, which means {@code nestor run …}; and {@link SystemFace}.
 */
final class CommandFace {
    private static final Set<String> OWN_OPTIONS = Set.of("-h", "--help", "-V", "--version");

    private CommandFace() {}

    static List<String> spell(List<String> typed) throws CommandException {
        String first = typed.isEmpty() ? "" : typed.getFirst();
        if (first.equals("system-aarch64") || first.equals("system-x86_64")) {
            return SystemFace.spell(
                    first.substring("system-".length()), typed.subList(1, typed.size()));
        }
        List<String> arguments =
                switch (first) {
                    case "-help" -> List.of("--help");
                    case "-version" -> List.of("--version");
                    default -> typed;
                };
        if (arguments.isEmpty()
                || !arguments.getFirst().startsWith("-")
                || OWN_OPTIONS.contains(arguments.getFirst())) {
            return arguments;
        }
        List<String> spelled = new ArrayList<>(arguments.size() + 1);
        spelled.add("run");
        spelled.addAll(arguments);
        return spelled;
    }
}
