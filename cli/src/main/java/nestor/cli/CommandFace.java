package nestor.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * The two faces of the program: {@code nestor COMMAND …}, and {@code nestor -M virt -kernel …} as
 * QEMU's users type it, which means {@code nestor run …}.
 */
final class CommandFace {
    private static final Set<String> OWN_OPTIONS = Set.of("-h", "--help", "-V", "--version");

    private CommandFace() {}

    static List<String> spell(List<String> typed) {
        List<String> arguments =
                switch (typed.isEmpty() ? "" : typed.getFirst()) {
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
