package nestor.control.hmp;

import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import nestor.trace.Tracing;

/** {@code trace-event} and {@code info trace-events}, in QEMU's spelling. */
final class TraceEvents {
    private TraceEvents() {}

    /** One line for each point that the pattern fits. */
    static String list(Tracing tracing, String glob) throws HmpException {
        Set<String> names = new TreeSet<>(tracing.matching(glob));
        expectSome(names, glob);
        return names.stream()
                .map(name -> "%s : state %d%n".formatted(name, tracing.isEnabled(name) ? 1 : 0))
                .collect(Collectors.joining());
    }

    /** {@code NAME on|off}; the name may be a pattern. */
    static String change(Tracing tracing, String argument) throws HmpException {
        String[] words = argument.strip().split("\\s+", -1);
        if (words.length != 2 || !words[1].equals("on") && !words[1].equals("off")) {
            throw new HmpException("trace-event: give NAME on or NAME off");
        }
        expectSome(tracing.set(words[0], words[1].equals("on")), words[0]);
        return "";
    }

    private static void expectSome(Set<String> names, String glob) throws HmpException {
        if (names.isEmpty()) {
            throw new HmpException("there is no trace event '" + glob + "'");
        }
    }
}
